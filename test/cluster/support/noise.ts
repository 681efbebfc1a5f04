/** What a measured difference says beside the noise of its measurement: pure functions, so that they need no cluster. */

/** By how much one figure exceeds another. Both were measured in each of several rounds. */
export interface Difference {
  /** The median of the differences of the rounds. */
  median: number
  /** From the least of these differences to the greatest. */
  spread: number
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1)
  return middle.reduce((sum, value) => sum + value, 0) / middle.length
}

/** From the least to the greatest. A single value does not show its noise: its spread is infinite. */
export function spreadOf(values: readonly number[]): number {
  return values.length < 2 ? Number.POSITIVE_INFINITY : Math.max(...values) - Math.min(...values)
}

/** Round by round, so that a node whose other load changes from round to round spoils less. */
export function differenceOf(figures: readonly number[], base: readonly number[]): Difference {
  if (figures.length !== base.length) throw new Error(`${figures.length} figures, but ${base.length} to subtract`)
  const differences = figures.map((figure, round) => figure - (base[round] as number))
  return { median: medianOf(differences), spread: spreadOf(differences) }
}

/** Whether the difference exceeds the noise. If not, it must be reported as such, and nothing must be asserted of it. */
export function isTold({ median, spread }: Difference): boolean {
  return Math.abs(median) > spread
}

/** @param unit such as "ms" */
export function differenceText(difference: Difference, unit: string): string {
  const { median, spread } = difference
  const noise = `(spread ${rounded(spread)} ${unit})`
  return isTold(difference) ? `${rounded(median)} ${unit} ${noise}` : `cannot be told from noise ${noise}`
}

function rounded(figure: number): number {
  return Number(figure.toFixed(2))
}
