import { Account, type LogAccount } from './account.js'
import { Lines } from './lines.js'
import { type Mark, MarkFilter } from './marks.js'
import { Resume } from './resume.js'

/** What a piece of the log comes to, in order. */
export type LogItem = { output: Buffer } | { mark: Mark } | { trouble: string }

/** From the bytes of one stream after the other to the build's output, each byte once, and the guard's marks. */
export class LogReader {
  readonly #account = new Account()
  readonly #resume: Resume
  readonly #filter: MarkFilter
  #lines: Lines
  #items: LogItem[] = []
  #outputs: Buffer[] = []
  #connections = 0

  constructor(nonce: string) {
    this.#filter = new MarkFilter(nonce, {
      output: (bytes) => {
        this.#account.output(bytes.length)
        this.#outputs.push(bytes)
      },
      mark: (mark, length) => {
        this.#account.mark(mark.written, length, mark.mark === 'final')
        this.#flushOutputs()
        this.#items.push({ mark })
      },
      foreign: (trouble) => this.#items.push({ trouble }),
    })
    const filter = this.#filter
    this.#resume = new Resume({
      begin: () => filter.begin(),
      bytes: (piece) => filter.bytes(piece),
      end: () => {
        this.#account.line()
        filter.end()
      },
      foreign: (text) => filter.foreign(text),
    })
    this.#lines = new Lines(this.#resume)
  }

  /** What the next stream must be asked for. */
  get since(): string | undefined {
    return this.#resume.since
  }

  /** Whether the guard's final mark came, and nothing after it. */
  get isClosed(): boolean {
    return this.#account.isClosed
  }

  /** A stream begins, of the log from `since` on. */
  connected(): void {
    this.#connections++
    this.#lines = new Lines(this.#resume)
    this.#resume.connected()
  }

  push(chunk: Buffer): LogItem[] {
    this.#lines.push(chunk)
    return this.#take()
  }

  /** The stream is over. */
  disconnected(): LogItem[] {
    this.#lines.end()
    return this.#take()
  }

  /** Nothing more will come: half a mark is output, too. */
  finish(): LogItem[] {
    this.#filter.flush()
    return this.#take()
  }

  get account(): LogAccount {
    return this.#account.state(this.#resume.repeatedBytes, Math.max(0, this.#connections - 1))
  }

  #flushOutputs(): void {
    if (this.#outputs.length > 0) this.#items.push({ output: Buffer.concat(this.#outputs) })
    this.#outputs = []
  }

  #take(): LogItem[] {
    this.#flushOutputs()
    const items = this.#items
    this.#items = []
    return items
  }
}
