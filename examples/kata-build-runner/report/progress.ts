import { plain } from '../model/plain-text.js'
import type { Stage } from '../model/stage.js'
import type { StagePoint } from '../watch/stage.js'
import { shortDuration } from './durations.js'

/** Where progress goes: a part of `process.stderr`. */
export interface ProgressStream {
  isTTY?: boolean | undefined
  columns?: number | undefined
  write(text: string): unknown
}

export interface StepPoint {
  /** From 1. */
  number: number
  of: number
  name: string
}

const eraseLine = '\r\u001b[2K'
const usualColumns = 80

/**
 * The display of one build's progress: on a terminal a line that is drawn anew, and a line that stays for each stage
 * and step. In a pipe nothing, or only the lines that stay (`always`).
 */
export class Progress {
  readonly #stream: ProgressStream
  readonly #build: string
  readonly #isShown: boolean
  readonly #isLive: boolean
  #stage: Stage | undefined
  #text = ''
  #sinceMs: number | undefined
  #isDrawn = false
  #isAtLineStart = true
  #hasEnded = false

  constructor(stream: ProgressStream, options: { build: string; show?: 'auto' | 'always' | 'never' }) {
    const { build, show = 'auto' } = options
    this.#stream = stream
    this.#build = plain(build)
    this.#isLive = show !== 'never' && stream.isTTY === true
    this.#isShown = this.#isLive || show === 'always'
  }

  /**
   * The build came to a stage, or to another detail of it.
   *
   * @param nowMs of a monotonic clock, as all of them here
   */
  stage({ stage, detail }: StagePoint, nowMs: number): void {
    this.#text = detail === undefined ? stage : `${stage}: ${plain(detail)}`
    if (stage !== this.#stage) this.#stay(this.#text, nowMs)
    this.#stage = stage
    this.tick(nowMs)
  }

  /** A step began. */
  step({ number, of, name }: StepPoint, nowMs: number): void {
    this.#text = `step ${number} of ${of}: ${plain(name)}`
    this.#stay(this.#text, nowMs)
    this.tick(nowMs)
  }

  /** Draws the line's running time anew; once a second is enough. */
  tick(nowMs: number): void {
    if (!this.#isLive || this.#hasEnded || !this.#isAtLineStart || this.#text === '') return
    const elapsed = shortDuration(nowMs - (this.#sinceMs ?? nowMs))
    // One column is left free: a terminal wraps when its last is written to, and the line could not be erased.
    const line = fitted(`${this.#build} ${elapsed} ${this.#text}`, (this.#stream.columns || usualColumns) - 1)
    this.#stream.write(eraseLine + line)
    this.#isDrawn = true
  }

  /** Output is about to go to the same terminal: the live line gives way to it. */
  clear(): void {
    if (!this.#isDrawn) return
    this.#stream.write(eraseLine)
    this.#isDrawn = false
  }

  /** Output went to the same terminal. Within a line of it nothing is drawn, or that would be erased. */
  resume(isAtLineStart: boolean): void {
    this.#isAtLineStart = isAtLineStart
  }

  /** Takes the live line away for good. */
  end(): void {
    this.clear()
    this.#hasEnded = true
  }

  #stay(text: string, nowMs: number): void {
    this.#sinceMs = nowMs
    if (this.#isShown) this.#say(text)
  }

  #say(text: string): void {
    this.clear()
    // The output before it has not ended its line.
    const start = this.#isLive && !this.#isAtLineStart ? '\n' : ''
    this.#isAtLineStart = true
    this.#stream.write(`${start}${this.#build}: ${text}\n`)
  }
}

/** Cut to so many columns. Whatever could be wide counts as two: too short a line is no harm, one that wraps is. */
function fitted(text: string, columns: number): string {
  let used = 0
  let end = 0
  for (const character of text) {
    used += (character.codePointAt(0) ?? 0) < 0x1100 ? 1 : 2
    if (used > columns) return text.slice(0, end)
    end += character.length
  }
  return text
}
