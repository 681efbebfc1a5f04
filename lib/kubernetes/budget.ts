import { type Duration, durationNs } from '../duration.js'
import { invalid } from '../errors.js'
import type { BackoffOptions } from './backoff.js'
import { startedAfterExit, startedAfterKill } from './restart-wait.js'
import {
  defaultSettings,
  mergedSettings,
  type ProbeSettings,
  type ReadinessProbeSettings,
  type RestartingProbeSettings,
} from './settings.js'
import { plus, type Span, upToMs } from './span.js'

export interface BudgetOptions {
  /** The worker's max age. */
  maxAge: Duration
  /** How long the worker's cycles usually take at most. It must beat within max age. @default not known */
  cycle?: Duration | undefined
  /** How long one new beat is waited for before the verdict is stalled. @default as shm-probe does, by max age and `cycle` */
  confirm?: Duration | undefined
  /** How the kubelet asks. @default 'exec' */
  via?: 'exec' | 'httpGet' | undefined
  /** Over the defaults of {@link probes}. */
  liveness?: RestartingProbeSettings | undefined
  /** Over the defaults of {@link probes}. */
  readiness?: ReadinessProbeSettings | undefined
  /** Whether the guard is the entrypoint, and how it is set. @default true with httpGet, else false */
  guard?: boolean | GuardTiming | undefined
  /** The pod's, for a liveness probe that has none of its own. @default the probe's, which {@link probes} sets to 5 */
  terminationGracePeriodSeconds?: number | undefined
  /** How many restarts came shortly before: the crash-loop back-off goes by it. @default 0 */
  restarts?: number | undefined
  /**
   * How long the container ran before the stall. The kubelet starts a container that it has killed at once, if it lived
   * longer than the back-off. @default not known: longer than the back-off (typical), not at all (worst)
   */
  ran?: Duration | undefined
  backoff?: BackoffOptions | undefined
}

export interface GuardTiming {
  /** Whether it restarts in place (`--restart`). @default false */
  restart?: boolean | undefined
  /** How often it looks. @default '20ms' */
  interval?: Duration | undefined
  /** How long after the first signal comes SIGKILL. @default '5s' */
  grace?: Duration | undefined
}

/** What happens after a stall: the program is signalled, runs again, is out of service. */
export type Reaction = 'signal' | 'restart' | 'removal'

/** A row of the table: seconds from the last beat before a stall. */
export interface BudgetRow {
  reaction: Reaction
  /** Who does it. With a guard, the kubelet's rows are its backup: what happens if the guard itself hangs. */
  by: 'guard' | 'kubelet'
  typicalSeconds: number
  worstSeconds: number
}

/** A program exec'd by the runtime, as measured (kubelet 1.36 with runc; under Kata 0.4 s); an HTTP request. */
const askingSeconds = { exec: 0.1, httpGet: 0.01 }
/** From the last failed probe to the signal: the pod's worker is woken at once, unless it is at other work. */
const kubeletSeconds: Span = { typical: 0.1, worst: 1 }
/** How long until the kubelet sees that a container has ended: it lists containers every second (PLEG). */
export const noticeSeconds: Span = { typical: 0.5, worst: 1 }
/** What the kubelet leaves every container to end in, whatever shorter time was asked for (`killContainer`). */
const leastGraceSeconds = 2
/** The guard's own default of `--grace`. */
export const defaultGuardGrace = '5s'
/** An abort without a core dump, and a start by the guard. */
const guardRestartSeconds = 0.05
/** Its pause before a restart: doubled with each, up to a most. */
const guardPauseSeconds = { first: 0.1, most: 10 }
/** How late the guard's look may come: what the benchmark holds it to. */
const guardDelaySeconds = 0.005

/**
 * How long after a worker's last beat a stall is answered: typical (the stall begins midway between probes, the process
 * ends when told) and worst (just after a probe, each probe as slow as its timeout allows, SIGKILL needed).
 *
 * Worst of a probe: max age; failureThreshold times the period, or the timeout where that is longer (the kubelet probes
 * again once it has the last answer, and the probe that just passed may have been slow, too); and the last probe.
 * Container images are taken to be on the node, and what a worker needs to start is not counted.
 *
 * @returns rows, in seconds; `removal` is until the pod's Ready condition is false, endpoints follow within about 1 s
 * @throws LivenessError `INVALID_OPTION`
 * @example detectionBudget({ maxAge: '250ms' })[0] // { reaction: 'signal', by: 'kubelet', typicalSeconds: …, worstSeconds: … }
 */
export function detectionBudget(options: BudgetOptions): BudgetRow[] {
  requireKnown('detectionBudget', options, known)
  const { via = 'exec', guard = via === 'httpGet', restarts = 0 } = options
  if (via !== 'exec' && via !== 'httpGet') throw invalid('via', 'exec or httpGet', via)
  if (!Number.isInteger(restarts) || restarts < 0) throw invalid('restarts', 'a whole number', restarts)
  const hasGuard = guard !== false
  const stale = staleSeconds(options)
  const liveness = mergedSettings('liveness', defaultSettings('liveness', hasGuard), options.liveness)
  const readiness = mergedSettings('readiness', defaultSettings('readiness', hasGuard), options.readiness)

  const timeouts = [liveness, readiness].map(({ timeoutSeconds = 1 }) => timeoutSeconds)
  requireRhythm(options, via, timeouts)
  const asking = askedSeconds(via, options)
  // A guard that hangs is seen only by the timeout of each request; exec needs no guard.
  const askingBackup = hasGuard && via === 'httpGet' ? Number.POSITIVE_INFINITY : asking
  const signal = plus(stale, failedSeconds(liveness, askingBackup), kubeletSeconds)
  const graceSeconds = Math.max(leastGraceSeconds, graceOf(options, liveness))
  // A stalled process answers no SIGTERM: SIGKILL is what is typical, too.
  const killed = plus(signal, { typical: graceSeconds, worst: graceSeconds })
  const before = {
    restarts,
    ranSeconds: options.ran === undefined ? undefined : seconds('ran', options.ran),
    backoff: options.backoff,
  }
  const restart = plus(killed, startedAfterKill(before, { typical: killed.typical, least: stale.worst }))
  const removal = plus(stale, failedSeconds(readiness, asking), kubeletSeconds)
  const kubelet = [row('signal', 'kubelet', signal), row('restart', 'kubelet', restart)]
  if (!hasGuard) return [...kubelet, row('removal', 'kubelet', removal)]

  const timing = guard === true ? {} : guard
  const guarded = guardSignalSeconds(options, timing)
  const ended = plus(guarded, guardEndSeconds(timing))
  const guardRestart = timing.restart
    ? row('restart', 'guard', plus(ended, guardAgainSeconds(restarts)))
    : row('restart', 'guard', plus(ended, noticeSeconds, startedAfterExit(before)))
  return [row('signal', 'guard', guarded), guardRestart, ...kubelet, row('removal', 'kubelet', removal)]
}

const known = [
  ...['maxAge', 'cycle', 'confirm', 'via', 'liveness', 'readiness', 'guard'],
  ...['terminationGracePeriodSeconds', 'restarts', 'ran', 'backoff'],
]

/** An option that is misspelt, or has no meaning here, would be answered as if it had not been given. */
export function requireKnown(what: string, options: object, names: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !names.includes(name)) throw invalid(what, `options of ${names.join(', ')}`, name)
  }
}

export function seconds(what: string, duration: Duration, leastNs = 0): number {
  return durationNs(what, duration, leastNs) / 1e9
}

/** Who tells the pod's grace says that the probe has none, and so not the default one either. */
function graceOf({ liveness, terminationGracePeriodSeconds }: BudgetOptions, merged: RestartingProbeSettings): number {
  if (
    terminationGracePeriodSeconds !== undefined &&
    !(Number.isInteger(terminationGracePeriodSeconds) && terminationGracePeriodSeconds >= 0)
  ) {
    throw invalid('terminationGracePeriodSeconds', 'a whole number', terminationGracePeriodSeconds)
  }
  const own = liveness?.terminationGracePeriodSeconds
  return own ?? terminationGracePeriodSeconds ?? merged.terminationGracePeriodSeconds ?? 30
}

/** One probe that fails, an exec with its confirmation: by default as long as the probe's own (`confirm_ns_for`). */
function askedSeconds(via: 'exec' | 'httpGet', { maxAge, cycle, confirm }: BudgetOptions): number {
  if (via !== 'exec') return askingSeconds[via]
  if (confirm !== undefined) return askingSeconds[via] + seconds('confirm', confirm)
  const usual = Math.min(0.3, Math.max(0.05, seconds('maxAge', maxAge, 1)))
  return askingSeconds[via] + Math.max(usual, cycle === undefined ? 0 : seconds('cycle', cycle))
}

/** What shm-probe leaves of its timeout to the runtime: `kTimeoutReserveNs` of policy.hpp. */
export const timeoutReserveSeconds = 0.2

/** Max age, cycle and timeout that cannot go together: a healthy worker would be called stalled. */
function requireRhythm({ maxAge, cycle }: BudgetOptions, via: 'exec' | 'httpGet', timeouts: number[]): void {
  if (cycle === undefined) return
  const cycleSeconds = seconds('cycle', cycle)
  const ageSeconds = seconds('maxAge', maxAge, 1)
  if (cycleSeconds >= ageSeconds) {
    throw invalid('cycle', `less than max age (${ageSeconds} s): a beat is as old as a cycle takes`, cycle)
  }
  const room = Math.min(...timeouts) - timeoutReserveSeconds
  if (via === 'exec' && cycleSeconds > room) {
    const least = Math.ceil(cycleSeconds + timeoutReserveSeconds)
    throw invalid(
      'cycle',
      `at most ${room.toFixed(1)} s with these timeouts: a worker that was frozen must come round while the probe waits. ` +
        `Set timeoutSeconds to ${least} or more`,
      cycle,
    )
  }
}

function staleSeconds({ maxAge }: BudgetOptions): Span {
  const age = seconds('maxAge', maxAge, 1)
  return { typical: age, worst: age }
}

/** From when a beat is too old until the probe has failed often enough. */
function failedSeconds(settings: ProbeSettings, askedSeconds: number): Span {
  const { periodSeconds = 10, timeoutSeconds = 1, failureThreshold = 3 } = settings
  const asking = Math.min(timeoutSeconds, askedSeconds)
  return {
    typical: periodSeconds / 2 + (failureThreshold - 1) * Math.max(periodSeconds, asking) + asking,
    worst: failureThreshold * Math.max(periodSeconds, timeoutSeconds) + timeoutSeconds,
  }
}

/** From the guard's first signal until the program has ended. */
export function guardEndSeconds(timing: GuardTiming): Span {
  return { typical: 0, worst: seconds('guard.grace', timing.grace ?? defaultGuardGrace) }
}

/**
 * From the last beat until the guard signals the program. It waits for no confirmation, as the probe does: a worker ages
 * in the time in which the guard itself ran.
 */
function guardSignalSeconds(options: BudgetOptions, timing: GuardTiming): Span {
  const interval = seconds('guard.interval', timing.interval ?? '20ms', 1)
  return plus(staleSeconds(options), { typical: interval / 2, worst: interval + guardDelaySeconds })
}

function guardAgainSeconds(restarts: number): Span {
  const again = Math.min(guardPauseSeconds.most, guardPauseSeconds.first * 2 ** restarts) + guardRestartSeconds
  return { typical: again, worst: again }
}

function row(reaction: Reaction, by: BudgetRow['by'], { typical, worst }: Span): BudgetRow {
  return { reaction, by, typicalSeconds: Math.round(typical * 1000) / 1000, worstSeconds: upToMs(worst) }
}
