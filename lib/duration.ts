import { invalid } from './errors.js'

/**
 * A span of time: a number of milliseconds, or a row of numbers with units (`'250ms'`, `'1.5s'`, `'1m30s'`; ns, us, ms,
 * s, m, h, from large to small). At most a year (366 days).
 *
 * `native/shm_liveness/duration.hpp` is the same rule for the programs; `test/vectors/durations.json` drives both.
 */
export type Duration = number | string

const maxNs = 366n * 24n * 3600n * 1_000_000_000n
const units = new Map([
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
  ['s', 1_000_000_000n],
  ['ms', 1_000_000n],
  ['us', 1_000n],
  ['ns', 1n],
])
const part = /(\d+)(?:\.(\d{1,9}))?(ns|us|ms|s|m|h)/y

/** The nanoseconds of a text, or undefined if it is not a duration. Digits below a nanosecond are dropped. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (text === '') return undefined
  let totalNs = 0n
  let previousNs = maxNs
  part.lastIndex = 0
  while (part.lastIndex < text.length) {
    const match = part.exec(text)
    if (match === null) return undefined
    const unitNs = units.get(match[3] as string) as bigint
    if (unitNs >= previousNs) return undefined
    previousNs = unitNs
    // Whole numbers, as in the programs: 1.1 * 1e6 is not 1100000.
    const fraction = BigInt((match[2] ?? '').padEnd(9, '0'))
    totalNs += BigInt(match[1] as string) * unitNs + (fraction * unitNs) / 1_000_000_000n
    if (totalNs > maxNs) return undefined
  }
  return Number(totalNs)
}

/** What a plain number lacks, as if there were a usual unit; undefined for other texts. */
export function unitHint(text: string): string | undefined {
  const isNumber = /^\d+(\.\d+)?$/.test(text) && Number(text) > 0
  return isNumber ? `add a unit, for example ${text}ms` : undefined
}

/** The whole nanoseconds of a duration, at least `leastNs`. */
export function durationNs(what: string, duration: Duration, leastNs = 0): number {
  const ns =
    typeof duration === 'number'
      ? Math.round(duration * 1e6)
      : typeof duration === 'string'
        ? parseDuration(duration)
        : undefined
  if (ns === undefined || !(ns >= leastNs && ns <= maxNs)) {
    const hint = typeof duration === 'string' ? unitHint(duration) : undefined
    if (hint !== undefined) throw invalid(what, `a duration with its unit: ${hint}`, duration)
    const least = leastNs > 0 ? 'above 0 ' : ''
    throw invalid(what, `a duration ${least}in milliseconds or like '250ms', '1.5s', '1m30s', at most 8784h`, duration)
  }
  return ns
}
