import type { ServerResponse } from 'node:http'
import type { Fault } from './faults.js'

type BodyEnd = 'drop' | 'truncate' | 'silent'

/** An answer on its way to the client, and what a fault does to its body. */
export class Answer {
  readonly #response: ServerResponse
  readonly #end: BodyEnd | undefined
  #left: number
  #isOver = false

  constructor(response: ServerResponse, fault: Fault) {
    this.#response = response
    const { dropAfterBytes, truncateAfterBytes, silentAfterBytes } = fault
    this.#left = dropAfterBytes ?? truncateAfterBytes ?? silentAfterBytes ?? Number.POSITIVE_INFINITY
    if (dropAfterBytes !== undefined) this.#end = 'drop'
    else if (truncateAfterBytes !== undefined) this.#end = 'truncate'
    else if (silentAfterBytes !== undefined) this.#end = 'silent'
  }

  get isClosed(): boolean {
    return this.#isOver || this.#response.destroyed
  }
  onClose(listener: () => void): void {
    this.#response.once('close', listener)
  }

  json(code: number, body: unknown, headers: Record<string, string> = {}): void {
    const bytes = Buffer.from(`${typeof body === 'string' ? body : JSON.stringify(body)}\n`)
    const length = this.#end === undefined ? { 'content-length': String(bytes.length) } : {}
    this.#response.writeHead(code, { 'content-type': 'application/json', ...length, ...headers })
    this.write(bytes)
    this.end()
  }

  /** Begins a body that is written piece by piece. */
  open(contentType: string): void {
    this.#response.writeHead(200, { 'content-type': contentType })
    this.#response.flushHeaders()
    if (this.#left === 0) this.#break()
  }

  /** False: the client does not keep up; `drained` says when it does. */
  write(bytes: Buffer | string): boolean {
    if (this.isClosed) return true
    const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    if (buffer.length < this.#left) {
      this.#left -= buffer.length
      return this.#response.write(buffer)
    }
    const rest = buffer.subarray(0, this.#left)
    if (this.#end === 'truncate') {
      this.#truncate(rest)
      return true
    }
    if (rest.length > 0) this.#response.write(rest)
    this.#break()
    return true
  }

  /** Settles also once the client is gone. */
  drained(): Promise<void> {
    if (this.isClosed || !this.#response.writableNeedDrain) return Promise.resolve()
    return new Promise((resolve) => {
      this.#response.once('drain', resolve)
      this.#response.once('close', resolve)
    })
  }

  /** What is written from now on is dropped: the response itself is closed only once all of it has arrived. */
  end(): void {
    if (!this.isClosed) this.#response.end()
    this.#isOver = true
  }

  /** Closes the connection, as it is. */
  drop(): void {
    this.#isOver = true
    this.#response.socket?.destroy()
  }

  #break(): void {
    this.#isOver = true
    // What was written is to arrive first: an empty write is done after it.
    if (this.#end !== 'silent') this.#response.socket?.write('', () => this.#response.socket?.destroy())
  }

  #truncate(rest: Buffer): void {
    this.#isOver = true
    this.#response.flushHeaders()
    const socket = this.#response.socket
    socket?.write(`${(rest.length + 1024).toString(16)}\r\n`)
    socket?.write(rest, () => socket.destroy())
  }
}
