import { compareTimes, type LineTime } from './timestamp.js'

/** A line is told by its time and so many of its first bytes: enough to decide without holding it. */
export const headBytes = 4096

const prime = 0x01000193
const offset = 0x811c9dc5

/** FNV-1a of the first bytes of a line, as they come. */
export class Head {
  #hash = offset
  #length = 0

  add(piece: Uint8Array): void {
    const end = Math.min(piece.length, headBytes - this.#length)
    let hash = this.#hash
    for (let index = 0; index < end; index++) hash = Math.imul(hash ^ piece[index]!, prime)
    this.#hash = hash
    this.#length += end
  }

  get hash(): number {
    return this.#hash >>> 0
  }

  static of(bytes: Uint8Array): number {
    const head = new Head()
    head.add(bytes)
    return head.hash
  }
}

/** The lines that came last, for those that come again without any reconnect. */
export class RecentLines {
  // Per line: seconds, nanoseconds, hash. 500 logs have one each.
  readonly #ring: Float64Array
  readonly #size: number
  #next = 0

  constructor(size = 1024) {
    this.#size = size
    this.#ring = new Float64Array(size * 3)
  }

  add({ seconds, nanoseconds }: LineTime, hash: number): void {
    this.#ring.set([seconds, nanoseconds, hash], this.#next * 3)
    this.#next = (this.#next + 1) % this.#size
  }

  has(time: LineTime, hash: number): boolean {
    for (let index = 0; index < this.#size; index++) {
      const [seconds = 0, nanoseconds = 0, other] = this.#ring.subarray(index * 3, index * 3 + 3)
      if (other === hash && compareTimes({ seconds, nanoseconds }, time) === 0) return true
    }
    return false
  }
}
