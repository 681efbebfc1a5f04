import { type LineTime, mayBeginPrefix, mostPrefixBytes, prefixOf } from './timestamp.js'

const lineEnd = 10
/** Of what the kubelet says in place of a line so much is kept. */
const mostForeignBytes = 1024

/** Gets lines, in pieces as they come: a line of MiBs is never held. */
export interface LineSink {
  begin(time: LineTime): void
  /** A piece of the line, without the timestamp, with the line end. */
  bytes(piece: Buffer): void
  end(): void
  /** A line without a timestamp at the beginning of a stream, or where a line should begin. */
  foreign(text: string, where: { isFirst: boolean; hasEnd: boolean }): void
}

type State = 'prefix' | 'line' | 'foreign'

/**
 * Takes a log with `timestamps=true` apart. A timestamp is only where a line begins: the kubelet joins the 16 KiB pieces
 * of a long line (cri-client's logs.go, `isNewLine`). What begins without one is no line of the container's: an error that the
 * kubelet writes into the answer, or the rest of a line of which `sinceTime` cut off the beginning, piece by piece.
 */
export class Lines {
  readonly #sink: LineSink
  #state: State = 'prefix'
  #held: Buffer = Buffer.alloc(0)
  #isFirst = true

  constructor(sink: LineSink) {
    this.#sink = sink
  }

  push(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0) rest = this.#step(rest)
  }

  /** The stream is over. Where it was cut within a timestamp, the next one has the whole line. */
  end(): void {
    const isCutShort = this.#state === 'prefix' && mayBeginPrefix(this.#held)
    if (this.#held.length > 0 && !isCutShort) this.#tellForeign(false)
  }

  #step(bytes: Buffer): Buffer {
    switch (this.#state) {
      case 'prefix':
        return this.#readPrefix(bytes)
      case 'line':
        return this.#readLine(bytes)
      case 'foreign':
        return this.#readForeign(bytes)
    }
  }

  #readPrefix(bytes: Buffer): Buffer {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    const found = prefixOf(all)
    if (found === undefined) {
      const isUndecided = all.length < mostPrefixBytes && !all.includes(lineEnd)
      this.#held = isUndecided ? Buffer.from(all) : Buffer.alloc(0)
      if (isUndecided) return Buffer.alloc(0)
      this.#state = 'foreign'
      return all
    }
    this.#held = Buffer.alloc(0)
    this.#isFirst = false
    this.#state = 'line'
    this.#sink.begin(found.time)
    return all.subarray(found.length)
  }

  #readLine(bytes: Buffer): Buffer {
    const end = bytes.indexOf(lineEnd)
    if (end < 0) {
      this.#sink.bytes(bytes)
      return Buffer.alloc(0)
    }
    this.#sink.bytes(bytes.subarray(0, end + 1))
    this.#state = 'prefix'
    this.#sink.end()
    return bytes.subarray(end + 1)
  }

  #readForeign(bytes: Buffer): Buffer {
    const end = bytes.indexOf(lineEnd)
    const piece = end < 0 ? bytes : bytes.subarray(0, end)
    this.#held = Buffer.concat([this.#held, piece.subarray(0, mostForeignBytes - this.#held.length)])
    if (end < 0) return Buffer.alloc(0)
    this.#tellForeign(true)
    this.#state = 'prefix'
    return bytes.subarray(end + 1)
  }

  #tellForeign(hasEnd: boolean): void {
    const text = this.#held.toString()
    this.#held = Buffer.alloc(0)
    this.#sink.foreign(text, { isFirst: this.#isFirst, hasEnd })
    this.#isFirst = false
  }
}
