const unitsMs = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, ns: 1e-6 } as const
const longestMs = 366 * 24 * unitsMs.h

/**
 * The milliseconds of a duration as the guard reads it (`250ms`, `1.5s`, `1m30s`); undefined if it is none. The package
 * does not export its own reader; `test/vectors/durations.json` drives both.
 */
export function durationMs(text: string): number | undefined {
  if (text === '0') return 0
  const parts = /^(?:\d+(?:\.\d{1,9})?(?:ns|us|ms|s|m|h))+$/.test(text) ? text.match(/[\d.]+[a-z]+/g) : null
  if (parts === null) return undefined
  let [totalMs, previousMs] = [0, Number.POSITIVE_INFINITY]
  for (const part of parts) {
    const unitMs = unitsMs[part.replace(/[\d.]+/, '') as keyof typeof unitsMs]
    if (unitMs >= previousMs) return undefined
    previousMs = unitMs
    totalMs += Number.parseFloat(part) * unitMs
  }
  return totalMs <= longestMs ? totalMs : undefined
}
