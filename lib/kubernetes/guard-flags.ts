/** The options of `wire()` for the guard, as flags of the guard. */
import { type Duration, durationNs, unitHint } from '../duration.js'
import { invalid } from '../errors.js'
import { guardRows, takesValue } from './guard-rows.js'
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

/** What the guard takes. */
const mostRestarts = 1_000_000

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
  const given = new Set<string>()
  for (let at = 0; at < flags.length; at++) {
    const flag = flags[at] as string
    const name = flagName(flag)
    const row = guardRows.get(name)
    if (row === undefined)
      throw invalid('guard.flags', 'flags of shm-guard (its --help has them), a value as in --max-age=2s', flag)
    if (row.instead !== undefined) throw invalid('guard.flags', `none that wire decides itself; ${row.instead}`, flag)
    if (given.has(name)) throw invalid('guard.flags', 'each flag once', flag)
    given.add(name)
    const isJoined = flag !== name
    if (row.value === '') {
      if (isJoined) throw invalid('guard.flags', `${name} without a value`, flag)
      continue
    }
    const value = isJoined ? flag.slice(name.length + 1) : flags[++at]
    // The kubelet puts a variable's value in place of $(NAME).
    if (!value || !(value.includes('$(') || takesValue(row, value))) {
      const hint = row.value === 'DUR' ? unitHint(value ?? '') : undefined
      throw invalid('guard.flags', `${name} with its value (${hint ?? row.value})`, value ?? flag)
    }
  }
  if (given.has('--notify') && given.has('--progress')) {
    throw invalid('guard.flags', 'either --notify or --progress: both stamp for the command', flags.join(' '))
  }
  if (given.has('--notify-socket') && !given.has('--notify')) {
    throw invalid('guard.flags', '--notify-socket only beside --notify', flags.join(' '))
  }
  if (given.has('--name') && !given.has('--notify') && !given.has('--progress')) {
    throw invalid('guard.flags', '--name only beside --notify or --progress, which stamp for it', flags.join(' '))
  }
}

/** Whether a flag of a guard that is there cannot be given to wire again. */
export function isUnsayable(flag: string): boolean {
  const row = guardRows.get(flagName(flag))
  return row?.instead !== undefined && row.isOption !== true
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
