/** The milliseconds of a `Retry-After` (RFC 9110, 10.2.3): whole seconds, or a time of day; undefined if it is neither. */
export function retryAfterHeaderMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000
  const dateMs = Date.parse(value)
  return Number.isNaN(dateMs) ? undefined : dateMs - nowMs
}
