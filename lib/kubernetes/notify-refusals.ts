/** Whether `shm-guard notify` takes its arguments, as `compose` in `probe/guard/notify_command.hpp` reads them. */
import { isKnown } from './expansion.js'
import { duration, refusalOf, type ValueKind } from './flag-values.js'
import { nearest } from './spelling.js'

const mostPhaseBytes = 63
const oneLine: ValueKind = { expected: 'a text of one line', accepts: (value) => !value.includes('\n') }
const phase: ValueKind = {
  expected: `a text of one line and up to ${mostPhaseBytes} bytes`,
  accepts: (value) => oneLine.accepts(value) && new TextEncoder().encode(value).length <= mostPhaseBytes,
}

/** Each flag, and what it takes; undefined: nothing. A value is a word of its own. */
export const notifyFlags: ReadonlyMap<string, ValueKind | undefined> = new Map<string, ValueKind | undefined>([
  ['--ready', undefined],
  ['--not-ready', undefined],
  ['--beat', undefined],
  ['--phase', phase],
  ['--budget', duration(1000)],
  ['--end-phase', undefined],
  ['--status', oneLine],
  ['--stopping', undefined],
  ['--help', undefined],
])

/** Why it would exit 2; undefined if it takes the arguments, which follow `notify`. */
export function notifyRefusal(argv: readonly string[]): string | undefined {
  if (argv.includes('--help')) return undefined
  const given = new Set<string>()
  for (let at = 0; at < argv.length; at++) {
    const flag = argv[at] as string
    if (!isKnown(flag)) return undefined
    if (!notifyFlags.has(flag)) {
      const meant = nearest(flag, notifyFlags.keys())
      return `notify: unknown argument "${flag}"${meant === undefined ? '' : `; did you mean ${meant}?`}`
    }
    given.add(flag)
    const kind = notifyFlags.get(flag)
    if (kind === undefined) continue
    const value = argv[++at] ?? ''
    if (value === '') return `notify: ${flag} needs a value`
    if (isKnown(value) && !kind.accepts(value)) return `notify: ${flag} "${value}" ${refusalOf(kind, value)}`
  }
  if (given.has('--phase') !== given.has('--budget')) return 'notify: --phase and --budget need each other'
  return given.size === 0 ? 'notify: it says nothing' : undefined
}
