import type { Clock } from '../model/clock.js'

const windowMs = 10_000
/** A single failure of a quiet runner must not open it. */
const fewestTries = 5
/** How long nothing is let through. Then one try is, and its outcome decides. */
const restMs = 10_000

/** Thrown in place of a try. */
export class BreakerOpen extends Error {}

/** Keeps calls from a server that fails: open once more than half of the tries of the last 10 s have failed. */
export class Breaker {
  readonly #clock: Clock
  readonly #isFailure: (error: unknown) => boolean
  #triedMs: number[] = []
  #failedMs: number[] = []
  #openedMs: number | undefined
  #isProbing = false

  /** @param isFailure whether an error of a try is the server's failure; a refusal is not */
  constructor(clock: Clock, isFailure: (error: unknown) => boolean) {
    this.#clock = clock
    this.#isFailure = isFailure
  }

  get isOpen(): boolean {
    return this.#openedMs !== undefined && this.#clock.now() - this.#openedMs < restMs
  }

  /**
   * @param signal an error after its abort does not count as a failure of the server
   * @throws BreakerOpen without a try, or what `ask` throws
   */
  async try<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.isOpen || this.#isProbing) throw new BreakerOpen()
    const isProbe = this.#openedMs !== undefined
    this.#isProbing = isProbe
    this.#triedMs.push(this.#clock.now())
    let isFailure = false
    try {
      return await ask()
    } catch (error) {
      isFailure = !signal.aborted && this.#isFailure(error)
      throw error
    } finally {
      if (isProbe) this.#probed(isFailure)
      else if (isFailure) this.#failed()
    }
  }

  #probed(isFailure: boolean): void {
    this.#isProbing = false
    this.#openedMs = isFailure ? this.#clock.now() : undefined
    this.#triedMs = []
    this.#failedMs = []
  }

  #failed(): void {
    const nowMs = this.#clock.now()
    this.#failedMs.push(nowMs)
    this.#triedMs = this.#triedMs.filter((ms) => nowMs - ms < windowMs)
    this.#failedMs = this.#failedMs.filter((ms) => nowMs - ms < windowMs)
    const [tries, failures] = [this.#triedMs.length, this.#failedMs.length]
    // A try that had begun before may fail while it is open.
    if (tries >= fewestTries && failures > tries / 2) this.#openedMs ??= nowMs
  }
}
