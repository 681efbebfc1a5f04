/** One line of the printed table. */
export interface Row {
  what: string
  /** What the bar is about: a ratio, a number of calls, of bytes. */
  measured: string
  /** The quartiles of the paired ratios, or what else says how steady they were. */
  spread?: string
  /** Absolute figures: this machine's, on this day. */
  figures?: string
  /** A row without a bar is information. */
  bar?: { text: string; reached: boolean }
}

export function reached(row: Row): boolean {
  return row.bar?.reached ?? true
}

export function atMost(limit: number, value: number): { text: string; reached: boolean } {
  return { text: `<= ${limit}`, reached: value <= limit }
}

export function atLeast(limit: number, value: number): { text: string; reached: boolean } {
  return { text: `>= ${limit}`, reached: value >= limit }
}

const headings = ['what', 'median', 'spread', 'bar', '', 'figures']

function cellsOf(row: Row): string[] {
  const outcome = row.bar === undefined ? '' : row.bar.reached ? 'ok' : 'MISSED'
  return [row.what, row.measured, row.spread ?? '', row.bar?.text ?? '', outcome, row.figures ?? '']
}

export function tableOf(rows: readonly Row[]): string {
  const lines = [headings, ...rows.map(cellsOf)]
  const widths = headings.map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? '').length)))
  const text = lines.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  text.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '))
  return text.join('\n')
}
