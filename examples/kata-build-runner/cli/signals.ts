import { Interruption } from '../follow/interruption.js'
import type { Host } from './host.js'

/** What is said at the first signal, and at the second. */
export type InterruptionWords = readonly [first: string, second: string]

const ofBuilds: InterruptionWords = ['cancelling the build; once more leaves it running', 'leaving the build']

/** Ctrl-C and SIGTERM: the first cancels the build, the second leaves it running. */
export class Signals implements Disposable {
  readonly interruption = new Interruption()
  readonly #unhear: () => void

  /** @param say what is being done about it */
  constructor(host: Pick<Host, 'onSignal'>, say: (text: string) => void, [first, second] = ofBuilds) {
    this.#unhear = host.onSignal((signal) => {
      const isSecond = this.interruption.cancel.aborted
      say(isSecond ? `${signal} again: ${second}` : `${signal}: ${first}`)
      this.interruption.next()
    })
  }

  [Symbol.dispose](): void {
    this.#unhear()
  }
}
