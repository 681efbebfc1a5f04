const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** `5m`, `1h30m`, `45s`: whole units, two at most. */
export function spanText(ms: number): string {
  if (ms < second) return `${Math.round(ms)}ms`
  if (ms < minute) return `${Math.floor(ms / second)}s`
  const [big, small, unit, rest] = ms < hour ? [minute, second, 'm', 's'] : [hour, minute, 'h', 'm']
  const left = Math.floor((ms % big) / small)
  return `${Math.floor(ms / big)}${unit}${left === 0 ? '' : `${left}${rest}`}`
}

/** What a phase in a region may have (`Heartbeat.phase`). */
const mostPhaseBytes = 63

/** `before`, `middle` and `after` as one phase; the middle is cut if all of it has no room. */
export function phaseText(before: string, middle: string, after: string): string {
  const room = mostPhaseBytes - Buffer.byteLength(`${before}${after}`)
  const plain = middle.replaceAll(/\p{Cc}/gu, ' ')
  if (Buffer.byteLength(plain) <= room) return `${before}${plain}${after}`
  let cut = ''
  for (const character of plain) {
    if (Buffer.byteLength(`${cut}${character}`) > room - 3) break
    cut += character
  }
  return `${before}${cut}...${after}`
}
