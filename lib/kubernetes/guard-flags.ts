/** The options of `wire()` for the guard, as flags of the guard. */
import { type Duration, durationNs } from '../duration.js'
import { invalid } from '../errors.js'
import { isSignal } from './signals.js'

/** Flags of `shm-guard`; a flag that is not given keeps the guard's own default. */
export interface GuardOptions {
  /** Start the command again in place, in milliseconds, up to so many times. @default 0: the kubelet restarts */
  restart?: number | undefined
  /** With `restart`: how long exec probes forgive each restart in place. @default the startup grace */
  restartBudget?: Duration | undefined
  /** What a stalled program is sent first. @default 'ABRT' */
  signal?: string | undefined
  /** How long after that signal comes SIGKILL. @default '5s' */
  grace?: Duration | undefined
  /** Any further flags, as they are, but none that another option is for. @default [] */
  flags?: readonly string[] | undefined
}

/**
 * What the wiring decides, and where to say it. A flag would go before the container's variables, which the probes read:
 * they would ask at another port, or look for another region or elsewhere than the guard, and restart a healthy one.
 */
const ownFlags: ReadonlyMap<string, string> = new Map([
  ['--listen', "say port and address (--port, --address), or set the container's SHM_LIVENESS_LISTEN"],
  ['--region', "say region (--region), or set the container's SHM_LIVENESS_REGION"],
  ['--dir', "set the container's SHM_LIVENESS_DIR"],
  ['--allow-disk', "set the container's SHM_LIVENESS_ALLOW_DISK"],
  ['--restart', 'say guard.restart (--restart)'],
  ['--restart-budget', 'say guard.restartBudget (--restart-budget)'],
  ['--signal', 'say guard.signal (--signal)'],
  ['--grace', 'say guard.grace (--grace)'],
  ['--steps', 'steps take the place of the command that wire puts the guard before: write such a guard in the pod'],
])

/** Whether a flag of a guard that is there cannot be given to wire again. */
export function isUnsayable(flag: string): boolean {
  return ['--listen', '--region', '--dir', '--allow-disk', '--steps'].includes(flagName(flag))
}

/** What the guard takes. */
const mostRestarts = 1_000_000

/** The flags that a guard is started with. @throws LivenessError `INVALID_OPTION` */
export function guardFlagsOf(guard: GuardOptions): string[] {
  const { restart = 0, restartBudget, signal, grace, flags = [], ...unknown } = guard
  for (const key of Object.keys(unknown)) throw invalid('guard', 'options of GuardOptions', key)
  if (!isTexts(flags) || flags.includes('--')) throw invalid('guard.flags', 'flags of shm-guard', flags)
  for (const flag of flags) {
    const remedy = ownFlags.get(flagName(flag))
    if (remedy !== undefined) throw invalid('guard.flags', `none that wire decides itself; ${remedy}`, flag)
  }
  if (!Number.isInteger(restart) || restart < 0 || restart > mostRestarts) {
    throw invalid('guard.restart', `a whole number up to ${mostRestarts}`, restart)
  }
  if (restart === 0 && restartBudget !== undefined) {
    throw invalid('guard.restartBudget', 'no value without restart: the guard refuses it', restartBudget)
  }
  if (signal !== undefined && !isSignal(signal)) {
    throw invalid('guard.signal', 'a signal that the guard knows, such as ABRT, SIGTERM or 6', signal)
  }
  return [
    ...(restart > 0 ? ['--restart', String(restart)] : []),
    ...(restartBudget === undefined ? [] : ['--restart-budget', durationFlag('guard.restartBudget', restartBudget, 1)]),
    ...(signal === undefined ? [] : ['--signal', signal]),
    ...(grace === undefined ? [] : ['--grace', durationFlag('guard.grace', grace)]),
    ...flags,
  ]
}

/** `--grace` of `--grace=2s`. */
export function flagName(flag: string): string {
  return flag.replace(/=.*$/s, '')
}

/** As the programs read it: a number needs its unit. */
function durationFlag(what: string, duration: Duration, leastNs = 0): string {
  const ns = durationNs(what, duration, leastNs)
  if (typeof duration === 'string') return duration
  return ns % 1e6 === 0 ? `${ns / 1e6}ms` : `${ns}ns`
}

export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}
