import { Interruption } from '../follow/interruption.js'

const signals = ['SIGINT', 'SIGTERM'] as const

/** What is said at the first signal, and at the second. */
export type InterruptionWords = readonly [first: string, second: string]

const ofBuilds: InterruptionWords = ['cancelling the build; once more leaves it running', 'leaving the build']

/** Ctrl-C and SIGTERM: the first cancels the build, the second leaves it running. */
export class Signals implements Disposable {
  readonly interruption = new Interruption()
  readonly #hear: (signal: NodeJS.Signals) => void

  /** @param say what is being done about it */
  constructor(say: (text: string) => void, [first, second] = ofBuilds) {
    this.#hear = (signal) => {
      const isSecond = this.interruption.cancel.aborted
      say(isSecond ? `${signal} again: ${second}` : `${signal}: ${first}`)
      this.interruption.next()
    }
    for (const signal of signals) process.on(signal, this.#hear)
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#hear)
  }
}
