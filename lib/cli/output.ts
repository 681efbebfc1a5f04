/** Rows as text, columns aligned, the first row as the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return rows.map((row) => `${line(row)}\n`).join('')
}

/** Seconds as a person writes them: `0.57 s`, `14.3 s`, `2 min 5 s`; with `up` never less than they are. */
export function saySeconds(seconds: number, { up = false }: { up?: boolean } = {}): string {
  const round = (amount: number): number => (up ? Math.ceil(amount - 1e-9) : Math.round(amount))
  // Three digits count.
  const perSecond = 10 ** (2 - Math.floor(Math.log10(Math.max(seconds, 1e-9))))
  const short = round(seconds * perSecond) / perSecond
  if (short < 60) return `${Number(short.toPrecision(3))} s`
  const whole = round(seconds)
  return `${Math.floor(whole / 60)} min${whole % 60 === 0 ? '' : ` ${whole % 60} s`}`
}

/**
 * A foreign text as it may be shown on a terminal: without characters that move the cursor or turn the direction of
 * writing around. One line.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '?')
}
