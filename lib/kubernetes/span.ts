/** Seconds that something takes: usually, and at most. */
export interface Span {
  typical: number
  worst: number
}

export const plus = (...spans: Span[]): Span => ({
  typical: spans.reduce((sum, { typical }) => sum + typical, 0),
  worst: spans.reduce((sum, { worst }) => sum + worst, 0),
})

/** In whole milliseconds, never below: a worst case that is rounded down is none. Sums of decimals are a little off. */
export function upToMs(seconds: number): number {
  return Math.ceil(seconds * 1000 - 1e-6) / 1000
}
