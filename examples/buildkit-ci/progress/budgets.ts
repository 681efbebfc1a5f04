import { parseDuration } from 'shm-liveness/kubernetes'
import { isListed } from '../../kata-build-runner/config/wildcard.js'
import { CiError } from '../model/ci-error.js'
import { noStep } from './build-steps.js'

/** How long a step may be silent. */
export interface Budget {
  /** Then it is told. */
  toldAfterMs: number
  /** Then the daemon may be ended, if nothing else in it makes progress; undefined: never. */
  endedAfterMs: number | undefined
}

/** The budget of steps whose name matches; `*` stands for any characters. */
export interface StepBudget extends Budget {
  step: string
}

export const usualBudget: Budget = { toldAfterMs: 5 * 60_000, endedAfterMs: 30 * 60_000 }

/**
 * What BuildKit tells only the start and the end of (`progress.OneOff`): exports, pushes, caches that are written. A build
 * in which no step runs may be in the queue: a step has started once it has its place (`op.Acquire`).
 */
const untoldSteps = ['exporting *', 'pushing *', 'writing *', noStep]
const untoldToldAfterMs = 30 * 60_000
const untoldEndedAfterMs = 6 * 3_600_000

/**
 * The rules that are given, then those of steps that tell no progress. These end no build by themselves, since its time
 * limit does; a daemon in which nothing else runs has no such limit.
 *
 * @throws CiError `BUDGET_INVALID`
 */
export function budgetsFor(ended: 'build' | 'daemon', usual: Budget, rules: readonly StepBudget[] = []): Budgets {
  const toldAfterMs = Math.max(usual.toldAfterMs, untoldToldAfterMs)
  const endedAfterMs = ended === 'build' ? undefined : Math.max(usual.endedAfterMs ?? 0, untoldEndedAfterMs)
  return new Budgets(usual, [...rules, ...untoldSteps.map((step) => ({ step, toldAfterMs, endedAfterMs }))])
}

/** Budgets by the names of steps; the first that matches counts. */
export class Budgets {
  readonly #rules: readonly StepBudget[]
  readonly #usual: Budget

  /** @throws CiError `BUDGET_INVALID` */
  constructor(usual: Budget = usualBudget, rules: readonly StepBudget[] = []) {
    for (const { toldAfterMs, endedAfterMs, step } of [{ step: '*', ...usual }, ...rules]) {
      if (endedAfterMs !== undefined && endedAfterMs < toldAfterMs) {
        throw new CiError(
          'BUDGET_INVALID',
          `steps "${step}" would be ended after ${endedAfterMs} ms, before they are told after ${toldAfterMs} ms`,
          'make the second time the longer one',
        )
      }
    }
    this.#rules = rules
    this.#usual = usual
  }

  /** Of a step that no rule is for. */
  get usual(): Budget {
    return this.#usual
  }

  /** The longest time that any step may be silent; infinite, if one may be for ever. */
  get longestMs(): number {
    return Math.max(...[this.#usual, ...this.#rules].map(({ endedAfterMs }) => endedAfterMs ?? Infinity))
  }

  of(step: string): Budget {
    return this.#rules.find((rule) => isListed(step, [rule.step])) ?? this.#usual
  }
}

/**
 * `RUN npm ci*=10m,1h`: told after 10 minutes, ended after an hour; `RUN soak*=1h,never`. The pattern may begin within the
 * name of a step, behind `[build 4/9] `.
 *
 * @throws CiError `BUDGET_INVALID`
 */
export function stepBudgetOf(text: string): StepBudget {
  const [, pattern, told, ended] = /^(.+)=([^=,]+),([^=,]+)$/.exec(text) ?? []
  const toldAfterMs = milliseconds(told)
  const endedAfterMs = ended === 'never' ? undefined : milliseconds(ended)
  if (pattern === undefined || toldAfterMs === undefined || (ended !== 'never' && endedAfterMs === undefined)) {
    throw new CiError(
      'BUDGET_INVALID',
      `"${text}" is not a budget of steps`,
      'write STEP=TOLD,ENDED with two durations, for example "RUN npm ci*=10m,1h" or "RUN soak*=1h,never"',
    )
  }
  return {
    step: pattern.startsWith('[') || pattern.startsWith('*') ? pattern : `*${pattern}`,
    toldAfterMs,
    endedAfterMs,
  }
}

function milliseconds(text: string | undefined): number | undefined {
  const ns = text === undefined ? undefined : parseDuration(text)
  return ns === undefined || ns === 0 ? undefined : ns / 1e6
}
