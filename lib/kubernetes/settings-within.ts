import type { Duration } from '../duration.js'
import { invalid } from '../errors.js'
import {
  type BudgetOptions,
  type BudgetRow,
  detectionBudget,
  guardEndSeconds,
  noticeSeconds,
  type Reaction,
  requireKnown,
  seconds,
} from './budget.js'
import { defaultSettings, type ProbeSettings, type RestartingProbeSettings } from './settings.js'
import { plus, upToMs } from './span.js'

/** What the settings are to be found for; those that are the answer, and the guard, have no place in the question. */
export interface WithinOptions
  extends Pick<BudgetOptions, 'maxAge' | 'cycle' | 'confirm' | 'via' | 'restarts' | 'ran' | 'backoff'> {
  /** The time wanted, from the last beat to the reaction, at worst. */
  within: Duration
  /** To what. @default 'signal' */
  reaction?: Reaction | undefined
}

/** What it takes: settings of a probe; only the guard; or nothing, since max age and what follows it take too long. */
export type Within =
  | { by: 'kubelet'; probe: 'liveness' | 'readiness'; settings: RestartingProbeSettings; worstSeconds: number }
  | { by: 'guard'; worstSeconds: number; reason: string }
  | { by: 'nothing'; leastSeconds: number; reason: string }

/** Three failures in a row forgive more than two; fewer than two would make one bad moment a restart. */
const thresholds = [3, 2]
const longestPeriodSeconds = 60

/**
 * The gentlest settings that answer a stall within the wanted time, even at worst: the most failures forgiven, then the
 * longest period. Or the word that only the guard can: the kubelet has no period below a second.
 *
 * @throws LivenessError `INVALID_OPTION`
 * @example settingsWithin({ maxAge: '250ms', within: '10s' }) // { by: 'kubelet', settings: { periodSeconds: 2, … } … }
 * @example settingsWithin({ maxAge: '250ms', within: '1s' }) // { by: 'guard', … }
 */
export function settingsWithin(options: WithinOptions): Within {
  requireKnown('settingsWithin', options, [
    'within',
    'reaction',
    'maxAge',
    'cycle',
    'confirm',
    'via',
    'restarts',
    'ran',
    'backoff',
  ])
  const { within, reaction = 'signal', ...limits } = options
  const wantedSeconds = seconds('within', within, 1)
  if (reaction !== 'signal' && reaction !== 'restart' && reaction !== 'removal') {
    throw invalid('reaction', 'signal, restart or removal', reaction)
  }
  const probe = reaction === 'removal' ? 'readiness' : 'liveness'
  let least: BudgetRow | undefined
  for (const failureThreshold of thresholds) {
    for (let periodSeconds = longestPeriodSeconds; periodSeconds >= 1; periodSeconds--) {
      const settings = { ...defaultSettings(probe, false), periodSeconds, failureThreshold }
      const row = kubeletRow(limits, reaction, probe, settings)
      if (row.worstSeconds <= wantedSeconds) {
        return { by: 'kubelet', probe, settings, worstSeconds: row.worstSeconds }
      }
      least = row
    }
  }
  return withGuard(limits, reaction, wantedSeconds, least?.worstSeconds ?? Number.NaN)
}

function kubeletRow(
  limits: BudgetOptions,
  reaction: Reaction,
  probe: 'liveness' | 'readiness',
  settings: ProbeSettings,
): BudgetRow {
  const rows = detectionBudget({ ...limits, guard: false, [probe]: settings })
  return rows.find((row) => row.reaction === reaction) as BudgetRow
}

function withGuard(limits: BudgetOptions, reaction: Reaction, wantedSeconds: number, kubeletSeconds: number): Within {
  const rows = detectionBudget({ ...limits, guard: { restart: true } })
  const { worstSeconds } = rows.find((row) => row.reaction === reaction && row.by === 'guard') ?? guardedRemoval(rows)
  if (worstSeconds <= wantedSeconds) {
    const reason = `the kubelet's probes take ${kubeletSeconds} s at their fastest; the guard looks every 20 ms`
    return { by: 'guard', worstSeconds, reason }
  }
  const what =
    reaction === 'signal' ? "max age and the guard's interval" : "max age, the guard's interval and its grace"
  return { by: 'nothing', leastSeconds: worstSeconds, reason: `${what} already take ${worstSeconds} s; lower max age` }
}

/**
 * A guard that does not restart ends the container, which takes the pod out of service once the kubelet has seen it. A
 * program that is deaf to the first signal holds the container for the guard's grace.
 */
function guardedRemoval(rows: BudgetRow[]): { worstSeconds: number } {
  const signal = rows.find((row) => row.reaction === 'signal' && row.by === 'guard') as BudgetRow
  const { worst } = plus({ typical: 0, worst: signal.worstSeconds }, guardEndSeconds({}), noticeSeconds)
  return { worstSeconds: upToMs(worst) }
}
