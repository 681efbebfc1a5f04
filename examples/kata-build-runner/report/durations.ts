/** A span of time as the article writes it: `28 secs`, `1 min 32 secs`. */
export function durationWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60]
  const words = `${rest} ${rest === 1 ? 'sec' : 'secs'}`
  return minutes === 0 ? words : `${minutes} min ${words}`
}

/** The same for a place that is narrow: `28s`, `1m32s`, `2h05m`. */
export function shortDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (value: number) => String(value).padStart(2, '0')
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`
  return `${Math.floor(seconds / 3600)}h${two(Math.floor(seconds / 60) % 60)}m`
}
