export interface Spread {
  median: number
  low: number
  high: number
}

/** The value below which that part of them lies; 1 gives the greatest. */
export function percentileOf(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN
}

/** The median and the quartiles. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
  return { median: at(1 / 2), low: at(1 / 4), high: at(3 / 4) }
}

/** Runs both in turns (A B A B …); what each said, and how often A's figure goes into B's. */
export async function inTurns(
  pairs: number,
  a: () => Promise<number>,
  b: () => Promise<number>,
): Promise<{ a: number; b: number; ratio: Spread }> {
  const as: number[] = []
  const bs: number[] = []
  for (let pair = 0; pair < pairs; pair++) {
    as.push(await a())
    bs.push(await b())
  }
  return { a: spreadOf(as).median, b: spreadOf(bs).median, ratio: spreadOf(bs.map((ns, i) => ns / (as[i] as number))) }
}

export function ratioText(ratio: number): string {
  return ratio >= 20 ? ratio.toFixed(0) : ratio >= 3 ? ratio.toFixed(2) : ratio.toFixed(3)
}

export function spreadText({ low, high }: Omit<Spread, 'median'>): string {
  return `${ratioText(low)} to ${ratioText(high)}`
}
