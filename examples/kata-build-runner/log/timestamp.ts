/** A line's time: seconds since 1970, and nanoseconds. A number of both together would not be exact. */
export interface LineTime {
  seconds: number
  nanoseconds: number
}

/** The longest prefix: `2016-10-06T00:17:09.669794202+02:00 `. */
export const mostPrefixBytes = 36

// RFC3339NanoFixed of the kubelet (cri-client's logs.go), in the zone that the runtime wrote it in; kubelets before it had
// fewer digits.
const prefix = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) /

/** The timestamp in front of a line, and how many bytes it takes with the space behind it. */
export function prefixOf(bytes: Buffer): { time: LineTime; length: number } | undefined {
  const match = prefix.exec(bytes.toString('latin1', 0, mostPrefixBytes))
  if (match === null) return undefined
  const [{ length }, second, fraction = '', zone] = match
  const ms = Date.parse(`${second}${zone}`)
  if (Number.isNaN(ms)) return undefined
  return { time: { seconds: ms / 1000, nanoseconds: Number(fraction.padEnd(9, '0')) }, length }
}

const secondShape = 'dddd-dd-ddTdd:dd:dd'
const afterSecond = /^(\.\d{0,9})?(Z|[+-][\d:]{0,5})?$/

/** Whether bytes may be the beginning of a timestamp of which the rest is still to come. */
export function mayBeginPrefix(bytes: Buffer): boolean {
  const text = bytes.toString('latin1')
  const [second, rest] = [text.slice(0, secondShape.length), text.slice(secondShape.length)]
  return secondShape.startsWith(second.replaceAll(/\d/g, 'd')) && afterSecond.test(rest)
}

/** Negative: `one` is earlier. */
export function compareTimes(one: LineTime, other: LineTime): number {
  return one.seconds - other.seconds || one.nanoseconds - other.nanoseconds
}

/** The time as `sinceTime` takes it: the API server cuts off fractions anyway. */
export function wholeSecondOf({ seconds }: LineTime): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}
