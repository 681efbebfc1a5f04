import type { LogAccount } from '../../../examples/kata-build-runner/log/account.js'
import type { Mark } from '../../../examples/kata-build-runner/log/marks.js'
import { type LogItem, LogReader } from '../../../examples/kata-build-runner/log/reader.js'
import { chunksOf } from './kubelet-log.js'

export const nonce = 'abc123'

/** A reader, and what has come of it. */
export class Reading {
  readonly #reader: LogReader
  readonly #output: Buffer[] = []
  readonly marks: Mark[] = []
  readonly troubles: string[] = []

  constructor(ownNonce = nonce) {
    this.#reader = new LogReader(ownNonce)
  }

  /** @param bytes what the server sends if it is asked for what is missing */
  connection(bytes: (since: string | undefined) => Buffer, chunkSizes: readonly number[] = [65_536]): this {
    const sent = bytes(this.#reader.since)
    this.#reader.connected()
    for (const chunk of chunksOf(sent, chunkSizes)) this.#take(this.#reader.push(chunk))
    this.#take(this.#reader.disconnected())
    return this
  }

  finish(): { output: Buffer; account: LogAccount } {
    this.#take(this.#reader.finish())
    return { output: Buffer.concat(this.#output), account: this.#reader.account }
  }

  #take(items: LogItem[]): void {
    for (const item of items) {
      if ('output' in item) this.#output.push(item.output)
      else if ('mark' in item) this.marks.push(item.mark)
      else this.troubles.push(item.trouble)
    }
  }
}

/** A stream as the guard writes it: marks say what was written before them. */
export class GuardStream {
  #parts: Buffer[] = []
  #length = 0

  output(text: string | Buffer): this {
    const bytes = Buffer.from(text)
    this.#parts.push(bytes)
    this.#length += bytes.length
    return this
  }

  mark(fields: object = { mark: 'note', text: 'n' }, written = this.#length): this {
    return this.output(`##[shm-guard ${nonce}] ${JSON.stringify({ written, ...fields })}\n`)
  }

  final(): this {
    return this.mark({ mark: 'final', outcome: 'exited', exit: 0 })
  }

  get length(): number {
    return this.#length
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }
}
