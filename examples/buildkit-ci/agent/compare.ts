/** The article's comparison: an image built before and after, cached or not. */

export interface Measured {
  /** `before` or `after`. */
  way: string
  isCached: boolean
  seconds: number
}

const rows = [false, true] as const

/** A table in Markdown: the median of each, with the least and the most; and the last way's share of the first. */
export function compareTable(measured: readonly Measured[]): string {
  const ways = [...new Set(measured.map(({ way }) => way))]
  const [first, last] = [ways[0] ?? '', ways.at(-1) ?? '']
  const cells = (isCached: boolean): string[] => {
    const of = (way: string) =>
      measured.filter((each) => each.way === way && each.isCached === isCached).map(({ seconds }) => seconds)
    const share = medianOf(of(last)) / medianOf(of(first))
    const ratio = ways.length < 2 ? [] : [Number.isFinite(share) ? `${Math.round(share * 100)} %` : '']
    return [isCached ? 'cached' : 'not cached', ...ways.map((way) => rangeText(of(way))), ...ratio]
  }
  const head = ['image', ...ways, ...(ways.length < 2 ? [] : [`${last} by ${first}`])]
  const line = (texts: string[]): string => `| ${texts.join(' | ')} |\n`
  const present = rows.filter((isCached) => measured.some((each) => each.isCached === isCached))
  return line(head) + line(head.map(() => '---')) + present.map((isCached) => line(cells(isCached))).join('')
}

function rangeText(seconds: readonly number[]): string {
  if (seconds.length === 0) return ''
  const text = `${medianOf(seconds).toFixed(1)} s`
  if (seconds.length === 1) return text
  return `${text} (${Math.min(...seconds).toFixed(1)}–${Math.max(...seconds).toFixed(1)})`
}

function medianOf(seconds: readonly number[]): number {
  const sorted = [...seconds].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return (low + high) / 2
}
