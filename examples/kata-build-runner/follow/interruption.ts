import { setMaxListeners } from 'node:events'

/** What was asked for while builds run: first to cancel them, then to leave them. */
export class Interruption {
  readonly #cancel = new AbortController()
  readonly #leave = new AbortController()

  constructor() {
    // Each build that is followed listens.
    setMaxListeners(0, this.cancel, this.leave)
  }

  /** Aborted once the builds are to be cancelled. */
  get cancel(): AbortSignal {
    return this.#cancel.signal
  }

  /** Aborted once nothing more is to be done, not even waiting. */
  get leave(): AbortSignal {
    return this.#leave.signal
  }

  /** The first call asks for a cancel, the second to leave. */
  next(): void {
    if (this.#cancel.signal.aborted) this.#leave.abort()
    else this.#cancel.abort()
  }
}
