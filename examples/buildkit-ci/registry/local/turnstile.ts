/**
 * Lets changes through, or has them wait. They wait and are not refused: BuildKit gives a push up after 7 s of 503
 * (its `retryhandler`).
 */
export class Turnstile {
  #isOpen = true
  #through = 0
  #waiting = new Set<() => void>()

  /** Changes that are being made at this moment. */
  get through(): number {
    return this.#through
  }

  get waiting(): number {
    return this.#waiting.size
  }

  close(): void {
    this.#isOpen = false
  }

  open(): void {
    this.#isOpen = true
    for (const go of this.#waiting) go()
    this.#waiting.clear()
  }

  /**
   * Waits until a change may be made.
   *
   * @param signal aborted when its client has gone
   * @returns must be called once the change is made; undefined, if its client went first
   */
  async enter(signal: AbortSignal): Promise<(() => void) | undefined> {
    while (!this.#isOpen && !signal.aborted) await this.#turn(signal)
    if (signal.aborted) return undefined
    this.#through++
    let isIn = true
    return () => {
      if (isIn) this.#through--
      isIn = false
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    let go = () => {}
    await new Promise<void>((resolve) => {
      go = resolve
      this.#waiting.add(go)
      signal.addEventListener('abort', go)
    })
    signal.removeEventListener('abort', go)
    this.#waiting.delete(go)
  }
}
