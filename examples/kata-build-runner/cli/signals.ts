import { Interruption } from '../follow/interruption.js'

const signals = ['SIGINT', 'SIGTERM'] as const

/** Ctrl-C and SIGTERM: the first cancels the build, the second leaves it running. */
export class Signals implements Disposable {
  readonly interruption = new Interruption()
  readonly #hear: (signal: NodeJS.Signals) => void

  /** @param say what is being done about it */
  constructor(say: (text: string) => void) {
    this.#hear = (signal) => {
      const isSecond = this.interruption.cancel.aborted
      say(
        isSecond
          ? `${signal} again: leaving the build`
          : `${signal}: cancelling the build; once more leaves it running`,
      )
      this.interruption.next()
    }
    for (const signal of signals) process.on(signal, this.#hear)
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#hear)
  }
}
