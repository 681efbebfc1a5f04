/** What a histogram of cycles tells. Entry i counts cycles of [2^i, 2^(i+1)) nanoseconds. */

export interface Bar {
  fromNs: number
  toNs: number
  count: number
  /** Of its cycles, beyond the cycle limit: all, none, or some: the limit lies within. */
  late: 'all' | 'some' | 'none'
}

/** From the first entry that counts something to the last. */
export function barsOf(histogram: readonly number[], cycleLimitMs: number | null): Bar[] {
  const first = histogram.findIndex((count) => count > 0)
  const last = histogram.findLastIndex((count) => count > 0)
  if (first < 0) return []
  const limitNs = cycleLimitMs === null ? Number.POSITIVE_INFINITY : cycleLimitMs * 1e6
  return histogram.slice(first, last + 1).map((count, index): Bar => {
    const fromNs = first + index === 0 ? 0 : 2 ** (first + index)
    const toNs = 2 ** (first + index + 1)
    return { fromNs, toNs, count, late: fromNs > limitNs ? 'all' : toNs > limitNs ? 'some' : 'none' }
  })
}

/**
 * A time that this share of all cycles did not exceed: the upper end of the entry that it lies in, or the worst cycle, if
 * that is less. undefined without cycles.
 */
export function quantileNs(histogram: readonly number[], share: number, worstNs: number): number | undefined {
  const total = cyclesIn(histogram)
  if (total === 0) return undefined
  let seen = 0
  const at = histogram.findIndex((count) => {
    seen += count
    return seen >= share * total
  })
  return Math.min(2 ** (at + 1), worstNs > 0 ? worstNs : Number.POSITIVE_INFINITY)
}

export function cyclesIn(histogram: readonly number[]): number {
  return histogram.reduce((sum, count) => sum + count, 0)
}

/** Lengths of bars in percent, by the logarithm: three late cycles beside a million others can be seen. */
export function lengthOf(count: number, most: number): number {
  return count === 0 ? 0 : Math.max(1, (100 * Math.log1p(count)) / Math.log1p(most))
}

const units = [
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
  ['ns', 1],
] as const

/** Three digits and a unit: `1.05 ms`. */
export function sayNs(ns: number): string {
  const [unit, size] = units.find(([, each]) => ns >= each) ?? ['ns', 1]
  return `${Number((ns / size).toPrecision(3))} ${unit}`
}
