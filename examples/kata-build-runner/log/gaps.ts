/** Bytes that are missing, somewhere between two marks. */
export interface Gap {
  /** The position in the build's stream after which they are missing: all before it is accounted for. */
  afterByte: number
  bytes: number
  /**
   * They are no more than the lines between the two marks, and may be carriage returns: containerd drops the one of a
   * CRLF (`readLine` in its `internal/cri/io/logger.go`), and nothing tells where it did.
   */
  mayBeLineEnds: boolean
}

/** Gaps that are not listed: of them only the sums are kept. */
export interface MoreGaps {
  count: number
  bytes: number
}

/** A build that forges marks can make gaps by the million: so many are listed, the first ones. */
export const mostGaps = 1000

/** What is missing of a log, and where. */
export class Gaps {
  readonly #listed: Gap[]
  #more: MoreGaps

  constructor(listed: readonly Gap[] = [], more: MoreGaps = { count: 0, bytes: 0 }) {
    this.#listed = [...listed]
    this.#more = { ...more }
  }

  get listed(): Gap[] {
    return [...this.#listed]
  }

  get more(): MoreGaps {
    return { ...this.#more }
  }

  add(gap: Gap): void {
    if (gap.bytes === 0) return
    if (this.#listed.length < mostGaps && this.#more.count === 0) this.#listed.push(gap)
    else this.#more = { count: this.#more.count + 1, bytes: this.#more.bytes + gap.bytes }
  }

  /** So many bytes are not missing after all: they are taken from the latest gaps. */
  takeBack(bytes: number): void {
    const fromMore = Math.min(bytes, this.#more.bytes)
    const left = this.#more.bytes - fromMore
    this.#more = { count: left === 0 ? 0 : Math.min(this.#more.count, left), bytes: left }
    for (let excess = bytes - fromMore; excess > 0 && this.#listed.length > 0; ) {
      const gap = this.#listed.pop()!
      const rest = gap.bytes - excess
      excess = Math.max(0, -rest)
      if (rest > 0) this.#listed.push({ ...gap, bytes: rest })
    }
  }
}
