import { Head, headBytes, RecentLines } from './identity.js'
import type { LineSink } from './lines.js'
import { compareTimes, type LineTime, wholeSecondOf } from './timestamp.js'

/** Gets each line once. */
export interface FreshSink {
  begin(): void
  bytes(piece: Buffer): void
  end(): void
  /** What the kubelet says in place of the log. */
  foreign(text: string): void
}

/** A clock that is coarse gives many lines one time: the heads of so many are kept. */
const mostTail = 16_384

/** What becomes of the line that is being read; `undecided`: held until its head is there. */
type Fate = 'pass' | 'drop' | 'undecided'

/**
 * Drops what was seen, exactly. `sinceTime` has whole seconds, so all of the last line's second comes again: what is older
 * than the last line was seen; lines of its very time are told apart by their order and their head; of the last line,
 * where it was cut off, only what is new goes on. What is later than all is new, and ends the repetition.
 *
 * Where lines go back in time without a reconnect, a line that is among the last ones begins a repetition; otherwise the
 * node's clock went back.
 */
export class Resume implements LineSink {
  readonly #sink: FreshSink
  readonly #recent = new RecentLines()
  #last: LineTime | undefined
  #latest: LineTime | undefined
  /** The heads of the whole lines that have the last line's time, in their order. */
  #tail: number[] = []
  /** How many whole lines of that time there were beyond those: they are told by their number alone. */
  #moreTail = 0
  /** The last line, where its end has not come. */
  #open: { head: Head; length: number } | undefined
  #isRepeating = false
  /** How many of `#tail` have come again, and of those beyond. */
  #again = 0
  #moreAgain = 0
  #fate: Fate = 'pass'
  #time: LineTime = { seconds: 0, nanoseconds: 0 }
  #held: Buffer[] = []
  #heldBytes = 0
  /** Of the open line, still to be dropped. */
  #skip = 0
  /** Bytes that had come before. */
  repeatedBytes = 0

  constructor(sink: FreshSink) {
    this.#sink = sink
  }

  /** From when on the log must be read to miss nothing; undefined: from its beginning. */
  get since(): string | undefined {
    return this.#last === undefined ? undefined : wholeSecondOf(this.#last)
  }

  /** Another stream begins, from `since` on. */
  connected(): void {
    this.#isRepeating = this.#last !== undefined
    this.#again = 0
    this.#moreAgain = 0
    this.#skip = 0
    this.#fate = 'pass'
    this.#release()
  }

  begin(time: LineTime): void {
    this.#time = time
    this.#fate = this.#isRepeating ? this.#fateOfRepeated(time) : this.#isBack(time) ? 'undecided' : 'pass'
    if (this.#fate === 'pass') this.#accept()
  }

  bytes(piece: Buffer): void {
    if (this.#fate === 'drop') this.repeatedBytes += piece.length
    else if (this.#fate === 'pass') this.#pass(piece)
    else {
      this.#held.push(piece)
      this.#heldBytes += piece.length
      if (this.#heldBytes >= headBytes) this.#decide()
    }
  }

  end(): void {
    if (this.#fate === 'undecided') this.#decide()
    if (this.#fate !== 'pass' || this.#open === undefined) return
    const { hash } = this.#open.head
    if (this.#tail.length < mostTail) this.#tail.push(hash)
    else this.#moreTail++
    this.#recent.add(this.#last!, hash)
    this.#open = undefined
    this.#skip = 0
    this.#sink.end()
  }

  foreign(text: string, { isFirst, hasEnd }: { isFirst: boolean; hasEnd: boolean }): void {
    // The rest of a line that began before `since`. There was a later line, so all of it was seen.
    if (isFirst && hasEnd && this.#isRepeating) return
    this.#sink.foreign(text)
  }

  #isBack(time: LineTime): boolean {
    return this.#last !== undefined && compareTimes(time, this.#last) < 0
  }

  #fateOfRepeated(time: LineTime): Fate {
    if (compareTimes(time, this.#latest!) > 0) return 'pass'
    // Between the last and the latest is what came before the node's clock went back.
    return compareTimes(time, this.#last!) === 0 ? 'undecided' : 'drop'
  }

  #decide(): void {
    const head = Buffer.concat(this.#held)
    if (!this.#isRepeating) {
      const isKnown = this.#recent.has(this.#time, Head.of(head))
      this.#isRepeating = isKnown
      this.#again = 0
      this.#moreAgain = 0
      this.#settle(isKnown ? 'drop' : 'pass')
      return
    }
    const index = this.#tail.indexOf(Head.of(head), this.#again)
    if (index >= 0) {
      this.#again = index + 1
      this.#isRepeating = this.#again < this.#tail.length || this.#moreTail > 0 || this.#open !== undefined
      this.#settle('drop')
    } else if (this.#again === this.#tail.length && this.#moreAgain < this.#moreTail) {
      this.#moreAgain++
      this.#isRepeating = this.#moreAgain < this.#moreTail || this.#open !== undefined
      this.#settle('drop')
    } else if (this.#isOpenLine(head)) this.#goOn()
    else this.#settle('pass')
  }

  #isOpenLine(head: Buffer): boolean {
    if (this.#open === undefined) return false
    const seen = Math.min(this.#open.length, headBytes)
    return head.length >= seen && Head.of(head.subarray(0, seen)) === this.#open.head.hash
  }

  #goOn(): void {
    this.#isRepeating = false
    this.#fate = 'pass'
    this.#skip = this.#open!.length
    for (const piece of this.#release()) this.#pass(piece)
  }

  #settle(fate: 'pass' | 'drop'): void {
    this.#fate = fate
    if (fate === 'pass') this.#accept()
    for (const piece of this.#release()) this.bytes(piece)
  }

  /** The line is new. */
  #accept(): void {
    if (this.#last === undefined || compareTimes(this.#time, this.#last) !== 0) {
      this.#tail = []
      this.#moreTail = 0
    }
    this.#last = this.#time
    if (this.#latest === undefined || compareTimes(this.#time, this.#latest) > 0) this.#latest = this.#time
    this.#isRepeating = false
    this.#open = { head: new Head(), length: 0 }
    this.#skip = 0
    this.#sink.begin()
  }

  #pass(piece: Buffer): void {
    const skipped = Math.min(this.#skip, piece.length)
    this.#skip -= skipped
    this.repeatedBytes += skipped
    const fresh = piece.subarray(skipped)
    if (fresh.length === 0 || this.#open === undefined) return
    this.#open.head.add(fresh)
    this.#open.length += fresh.length
    this.#sink.bytes(fresh)
  }

  #release(): Buffer[] {
    const held = this.#held
    this.#held = []
    this.#heldBytes = 0
    return held
  }
}
