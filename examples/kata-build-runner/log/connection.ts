import type { Clock } from '../model/clock.js'

export type Piece = { chunk: Buffer } | { isEnd: true } | { error: unknown }

/**
 * One stream of a log. It is given up once nothing has come for too long: a connection of which the other end is gone
 * looks like a build that is silent. The time that the reader of the output takes does not count.
 */
export class LogConnection {
  readonly #open: (signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>
  readonly #controller = new AbortController()
  readonly #signal: AbortSignal
  readonly #abort = () => this.#controller.abort(this.#signal.reason)
  readonly #clock: Clock
  #waitingSinceMs: number | undefined
  #iterator: AsyncIterator<Uint8Array> | undefined

  /**
   * @param idleMs how long nothing may come; asked again and again, since a container's end changes it
   * @param checkMs how often that is looked at
   */
  constructor(
    open: (signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>,
    { signal, clock, idleMs, checkMs }: { signal: AbortSignal; clock: Clock; idleMs: () => number; checkMs: number },
  ) {
    this.#open = open
    this.#signal = signal
    signal.addEventListener('abort', this.#abort)
    this.#clock = clock
    void this.#checkAgainAndAgain(idleMs, checkMs)
  }

  /** The next bytes, the end, or why there are none. */
  async next(): Promise<Piece> {
    this.#waitingSinceMs = this.#clock.now()
    try {
      this.#iterator ??= (await this.#open(this.#controller.signal))[Symbol.asyncIterator]()
      const { done, value } = await this.#iterator.next()
      return done ? { isEnd: true } : { chunk: Buffer.from(value.buffer, value.byteOffset, value.byteLength) }
    } catch (error) {
      return { error }
    } finally {
      this.#waitingSinceMs = undefined
    }
  }

  /** Whether the API server has answered. */
  get isOpen(): boolean {
    return this.#iterator !== undefined
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#abort)
    this.#controller.abort()
  }

  async #checkAgainAndAgain(idleMs: () => number, checkMs: number): Promise<void> {
    while (await this.#clock.sleep(checkMs, this.#controller.signal)) this.#check(idleMs())
  }

  #check(idleMs: number): void {
    if (this.#waitingSinceMs === undefined) return
    const silentMs = this.#clock.now() - this.#waitingSinceMs
    if (silentMs < idleMs) return
    const text = `nothing came for ${Math.round(silentMs / 1000)} s`
    this.#controller.abort(Object.assign(new Error(text), { code: 'ETIMEDOUT' }))
  }
}
