import { invalid } from './errors.js'

/**
 * A span of time: a number of milliseconds, or a row of numbers with units (`'250ms'`, `'1.5s'`, `'1m30s'`; ns, us, ms,
 * s, m, h, from large to small). At most a year (366 days).
 *
 * `native/shm_liveness/duration.hpp` is the same rule for the programs; `test/vectors/durations.json` drives both.
 */
export type Duration = number | string

const maxNs = 366 * 24 * 3600 * 1e9
const units = new Map([
  ['h', 3600e9],
  ['m', 60e9],
  ['s', 1e9],
  ['ms', 1e6],
  ['us', 1e3],
  ['ns', 1],
])
const part = /(\d+)(?:\.(\d{1,9}))?(ns|us|ms|s|m|h)/y

/** The nanoseconds of a text, or undefined if it is not a duration. Exact up to 2^53 ns (104 days). */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (text === '') return undefined
  let totalNs = 0
  let previousNs = Number.POSITIVE_INFINITY
  part.lastIndex = 0
  while (part.lastIndex < text.length) {
    const match = part.exec(text)
    if (match === null) return undefined
    const unitNs = units.get(match[3] as string) as number
    if (unitNs >= previousNs) return undefined
    previousNs = unitNs
    // Integers, because 1.1 * 1e6 is not 1100000; digits below a nanosecond are dropped.
    const fraction = (match[2] ?? '').padEnd(9, '0')
    totalNs += Number(match[1]) * unitNs + Math.floor((Number(fraction) * unitNs) / 1e9)
    if (totalNs > maxNs) return undefined
  }
  return totalNs
}

/** The whole nanoseconds of a duration, at least `leastNs`. */
export function durationNs(what: string, duration: Duration, leastNs = 0): number {
  const ns = typeof duration === 'number' ? Math.round(duration * 1e6) : parseDuration(String(duration))
  if (ns === undefined || !(ns >= leastNs && ns <= maxNs)) {
    const least = leastNs > 0 ? 'above 0 ' : ''
    throw invalid(what, `a duration ${least}in milliseconds or like '250ms', '1.5s', '1m30s', at most 8784h`, duration)
  }
  return ns
}
