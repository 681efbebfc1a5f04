import { parseDuration } from 'shm-liveness/kubernetes'
import { isListed } from '../../kata-build-runner/config/wildcard.js'
import { CiError } from '../model/ci-error.js'

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
