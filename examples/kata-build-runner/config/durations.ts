const unitsNs = {
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1000n,
  ns: 1n,
} as const
const longestNs = 366n * 24n * unitsNs.h
const part = /(\d+)(?:\.(\d{1,9}))?(ns|us|ms|s|m|h)/g

/**
 * The milliseconds of a duration as the guard reads it (`250ms`, `1.5s`, `1m30s`); undefined if it is none. The package
 * does not export its own reader; `test/vectors/durations.json` drives both.
 */
export function durationMs(text: string): number | undefined {
  if (text === '0') return 0
  const parts = [...text.matchAll(part)]
  if (text === '' || parts.map(([whole]) => whole).join('') !== text) return undefined
  let [totalNs, previousNs] = [0n, longestNs]
  for (const [, whole = '', fraction = '', unit] of parts) {
    const unitNs = unitsNs[unit as keyof typeof unitsNs]
    if (unitNs >= previousNs) return undefined
    previousNs = unitNs
    totalNs += (BigInt(whole + fraction.padEnd(9, '0')) * unitNs) / 1_000_000_000n
  }
  return totalNs <= longestNs ? Number(totalNs) / 1e6 : undefined
}
