/** A line of a log file, or a piece of one. */
export interface Entry {
  seconds: number
  nanoseconds: number
  /** With the line end, unless it is a piece. */
  bytes: Buffer
}

const pieceBytes = 16_384

/**
 * A stream as containerd writes it into a log file: lines, those of more than 16 KiB in pieces.
 *
 * @param stepsNs how much later each entry is than the one before, over and over
 */
export function entriesOf(stream: Buffer, stepsNs: readonly number[]): Entry[] {
  const entries: Entry[] = []
  let nanoseconds = 0
  let seconds = 1_800_000_000
  for (let from = 0; from < stream.length; ) {
    const end = stream.indexOf(10, from)
    const lineEnd = end < 0 ? stream.length : end + 1
    const isPiece = lineEnd - from > pieceBytes + 1
    const to = isPiece ? from + pieceBytes : lineEnd
    nanoseconds += stepsNs[entries.length % stepsNs.length]!
    seconds += Math.floor(nanoseconds / 1e9)
    nanoseconds %= 1e9
    entries.push({ seconds, nanoseconds, bytes: stream.subarray(from, to) })
    from = to
  }
  return entries
}

export const stampOf = ({ seconds, nanoseconds }: Entry): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanoseconds).padStart(9, '0')}Z`

/** What the kubelet sends of entries (cri-client's logs.go): a piece has a timestamp only at the beginning of its line. */
export function sent(entries: readonly Entry[], since?: string): Buffer {
  const sinceSeconds = since === undefined ? 0 : Date.parse(since) / 1000
  const parts: Buffer[] = []
  let isNewLine = true
  for (const entry of entries) {
    if (entry.seconds >= sinceSeconds) {
      if (isNewLine) parts.push(Buffer.from(`${stampOf(entry)} `))
      parts.push(entry.bytes)
    }
    isNewLine = entry.bytes.at(-1) === 10
  }
  return Buffer.concat(parts)
}

export function* chunksOf(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let from = 0, turn = 0; from < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!
    yield bytes.subarray(from, from + size)
    from += size
  }
}
