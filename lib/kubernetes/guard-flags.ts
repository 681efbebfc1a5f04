/** The options of `wire()` for the guard, as flags of the guard. */
import { type Duration, durationNs } from '../duration.js'
import { invalid } from '../errors.js'
import { guardProgram } from './conventions.js'
import { emptyEnvironment, unknownText } from './expansion.js'
import { mostRestarts } from './flag-values.js'
import { refusalsOf } from './program-refusals.js'
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
  /** Any further flags, as they are, but none that another option or a variable is for. @default [] */
  flags?: readonly string[] | undefined
}

/** The flags that a guard is started with. @throws LivenessError `INVALID_OPTION` */
export function guardFlagsOf(guard: GuardOptions): string[] {
  const { restart = 0, restartBudget, signal, grace, flags = [], ...unknown } = guard
  for (const key of Object.keys(unknown)) throw invalid('guard', 'options of GuardOptions', key)
  requireFlags(flags)
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

/** The guard exits over what it does not know, a kubelet starts it again, and so for ever: so it is refused here. */
function requireFlags(flags: unknown): asserts flags is readonly string[] {
  if (!isTexts(flags)) throw invalid('guard.flags', 'flags of shm-guard', flags)
  const end = flags.indexOf('--')
  if (end >= 0) throw invalid('guard.flags', 'flags of shm-guard alone; its command follows them', '--')
  const decided = flags.find((flag) => insteadOf(flag) !== undefined)
  if (decided !== undefined) {
    throw invalid('guard.flags', `none that wire decides itself; ${insteadOf(decided)}`, decided)
  }
  // The kubelet puts a variable's value in place of $(NAME).
  const known = flags.map((flag) => flag.replace(/\$\([^)]*\)/g, unknownText))
  const [refusal] = refusalsOf(guardProgram, [...known, '--', 'command'], emptyEnvironment)
  if (refusal !== undefined) {
    throw invalid('guard.flags', `flags that shm-guard takes (see its --help): ${refusal.message}`, flags.join(' '))
  }
}

interface Instead {
  /** What to say in place of the flag. */
  advice: string
  /** Whether that is an option of `wire`, so that a guard that is there can be asked for as it is. */
  isOption?: true
}

const neverWrapped = { advice: 'a guard with it runs no command: write such a guard in the pod' }

/**
 * What the wiring decides itself. A flag would go before the container's variables, which the probes read: they would ask
 * at another port, or look for another region or elsewhere than the guard, and restart a healthy container.
 */
const insteads: ReadonlyMap<string, Instead> = new Map<string, Instead>([
  ['--region', { advice: "say region (--region), or set the container's SHM_LIVENESS_REGION" }],
  ['--termination-log', { advice: "set the container's terminationMessagePath", isOption: true }],
  ['--dir', { advice: "set the container's SHM_LIVENESS_DIR" }],
  ['--allow-disk', { advice: "set the container's SHM_LIVENESS_ALLOW_DISK" }],
  ['--signal', { advice: 'say guard.signal (--signal)', isOption: true }],
  ['--stop-signal', { advice: "set the container's lifecycle.stopSignal, or SHM_LIVENESS_STOP_SIGNAL" }],
  ['--grace', { advice: 'say guard.grace (--grace)', isOption: true }],
  ['--restart', { advice: 'say guard.restart (--restart)', isOption: true }],
  ['--restart-budget', { advice: 'say guard.restartBudget (--restart-budget)', isOption: true }],
  [
    '--steps',
    { advice: 'steps take the place of the command that wire puts the guard before: write such a guard in the pod' },
  ],
  ['--nonce', { advice: 'it is for --steps alone: write such a guard in the pod' }],
  ['--listen', { advice: "say port and address (--port, --address), or set the container's SHM_LIVENESS_LISTEN" }],
  ['--version', neverWrapped],
  ['--help', neverWrapped],
])

function insteadOf(flag: string): string | undefined {
  return insteads.get(flagName(flag))?.advice
}

/** Whether a flag of a guard that is there cannot be given to wire again. */
export function isUnsayable(flag: string): boolean {
  const instead = insteads.get(flagName(flag))
  return instead !== undefined && instead.isOption !== true
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
