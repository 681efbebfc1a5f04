import { once } from 'node:events'
import type { Writable } from 'node:stream'

/**
 * A stream that a build's output goes to: no faster than it is read, or all of an unread build would be kept in memory.
 * Once it cannot be written to any more (its reader is gone: `| head`), what comes is dropped.
 */
export class Output {
  readonly #stream: Writable
  #isBroken = false

  /** @param onBroken called once */
  constructor(stream: Writable, onBroken: (error: NodeJS.ErrnoException) => void) {
    this.#stream = stream
    stream.on('error', (error) => {
      if (this.#isBroken) return
      this.#isBroken = true
      onBroken(error)
    })
  }

  /** @returns what to wait for before the next write, if anything */
  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#isBroken || this.#stream.write(bytes)) return undefined
    return once(this.#stream, 'drain').then(
      () => {},
      // Told by the constructor's listener.
      () => {},
    )
  }
}
