import type { GuardRecord } from '../model/record.js'
import { type Gap, Gaps, type MoreGaps } from './gaps.js'

export type { Gap } from './gaps.js'

/** What came of a build's log. Bytes are those of the stream that the guard writes, its own lines included. */
export interface LogAccount {
  /** Received, each counted once. */
  bytes: number
  /** Of them the build's own output, with the line ends that the guard put before its lines. */
  outputBytes: number
  lostBytes: number
  /** The first ones; `moreGaps` are the others. */
  gaps: Gap[]
  moreGaps: MoreGaps
  /** Dropped, since they had come before. */
  repeatedBytes: number
  reconnects: number
  /** Whether the guard's final mark came: without it the end of the log, of unknown size, is missing. */
  isClosed: boolean
  /** Up to where the stream is accounted for: what came and what is missing, the final mark included. */
  position: number
  /** Of the final mark, if that was the last that came. */
  finalBytes: number
  /** Whole lines since the last mark. */
  linesAtEnd: number
  /** Marks that cannot be true: forged by the build, or bytes came twice without being recognised. */
  inconsistencies: number
}

/**
 * The running count. Each mark says how many bytes were written before it, so what is missing since the one before is
 * known to the byte.
 *
 * A mark that says less than was received is impossible, and so is one with less loss than was known. Either it is forged
 * (`docs/guard.md` says who can know the nonce), or an earlier one was, or bytes came
 * twice. The next mark tells: if it agrees with what was known, this one is not believed; if not, both are. The final mark
 * has no next, and is believed. In no case is that silent: it counts as an inconsistency.
 */
export class Account {
  #bytes = 0
  #outputBytes = 0
  readonly #gaps = new Gaps()
  /** What has come twice, as far as believed marks say. */
  #surplus = 0
  #lost = 0
  #isDoubted = false
  /** Whole lines, and where they began, since the last mark. */
  #lines = 0
  #afterByte = 0
  #inconsistencies = 0
  #isClosed = false
  #finalBytes = 0

  output(bytes: number): void {
    this.#bytes += bytes
    this.#outputBytes += bytes
    this.#isClosed = false
  }

  line(): void {
    this.#lines++
  }

  mark(written: number, lineBytes: number, isFinal: boolean): void {
    const missing = written - (this.#bytes - this.#surplus)
    if (missing >= this.#lost) {
      this.#lose(missing - this.#lost)
      this.#isDoubted = false
    } else {
      this.#inconsistencies++
      if (this.#isDoubted || isFinal) this.#believe(missing)
      this.#isDoubted = !this.#isDoubted
    }
    this.#bytes += lineBytes
    this.#afterByte = this.#bytes - this.#surplus + this.#lost
    this.#lines = 0
    this.#isClosed = isFinal
    this.#finalBytes = lineBytes
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  state(repeatedBytes: number, reconnects: number): LogAccount {
    return {
      ...{ bytes: this.#bytes, outputBytes: this.#outputBytes, lostBytes: this.#lost },
      ...{ gaps: this.#gaps.listed, moreGaps: this.#gaps.more },
      ...{ repeatedBytes, reconnects, isClosed: this.#isClosed, inconsistencies: this.#inconsistencies },
      position: this.#bytes - this.#surplus + this.#lost,
      finalBytes: this.#isClosed ? this.#finalBytes : 0,
      linesAtEnd: this.#lines,
    }
  }

  #lose(bytes: number): void {
    this.#lost += bytes
    this.#gaps.add({ afterByte: this.#afterByte, bytes, mayBeLineEnds: bytes <= this.#lines })
  }

  /** Less is missing than was known: what the latest gaps claimed is taken back. */
  #believe(missing: number): void {
    if (missing < 0) this.#surplus -= missing
    const excess = this.#lost - Math.max(0, missing)
    this.#lost -= excess
    this.#gaps.takeBack(excess)
  }
}

/**
 * The account as the guard's record closes it, for a log without the final mark, or with a forged one.
 *
 * `written` is the length of the log before the final mark, so what is missing is known to the byte. Where it says less
 * than the marks did, they were forged, and it is believed.
 */
export function closedByRecord(
  account: LogAccount,
  { written, outputBytes }: Pick<GuardRecord, 'written' | 'outputBytes'> = {},
): LogAccount {
  if (written === undefined) return closedByOutput(account, outputBytes)
  const { position, finalBytes, lostBytes } = account
  if (written === position - finalBytes) return { ...account, isClosed: true }
  // A mark that came last and was not the guard's final one is output.
  const missing = written - position
  const closed = { ...account, finalBytes: 0, isClosed: true }
  if (missing >= 0) {
    const end = { afterByte: position, bytes: missing, mayBeLineEnds: missing <= account.linesAtEnd }
    return { ...closed, lostBytes: lostBytes + missing, ...withGap(account, end) }
  }
  const kept = gapsOf(account)
  kept.takeBack(-missing)
  const inconsistencies = account.inconsistencies + 1
  // What came twice may hide what did not come: such a log is not closed.
  const isClosed = lostBytes + missing >= 0
  return {
    ...{ ...closed, isClosed, lostBytes: Math.max(0, lostBytes + missing), inconsistencies },
    ...{ gaps: kept.listed, moreGaps: kept.more },
  }
}

function gapsOf({ gaps, moreGaps }: LogAccount): Gaps {
  return new Gaps(gaps, moreGaps)
}

function withGap(account: LogAccount, gap: Gap): Pick<LogAccount, 'gaps' | 'moreGaps'> {
  const all = gapsOf(account)
  all.add(gap)
  return { gaps: all.listed, moreGaps: all.more }
}

/**
 * By the record of a guard that does not say `written`: `outputBytes` is what the steps wrote, the guard's own lines not
 * counted. What more it says is missing at the end, at least: the guard's lines that are lost with it are not in it, and
 * a line end before a received mark may be the guard's or the step's.
 */
function closedByOutput(account: LogAccount, outputBytes: number | undefined): LogAccount {
  const missing = (outputBytes ?? 0) - account.outputBytes - account.lostBytes
  if (missing <= 0) return account
  const end = { afterByte: account.bytes + account.lostBytes, bytes: missing, mayBeLineEnds: false }
  return { ...account, lostBytes: account.lostBytes + missing, ...withGap(account, end) }
}
