import { RunnerError } from '../model/runner-error.js'

/**
 * Does work, and bears it if the API server fails: its calls were tried several times already, and whoever follows a
 * build looks again soon. The same words are said once.
 */
export class Patiently {
  readonly #say: (text: string) => void
  #said = ''

  constructor(say: (text: string) => void) {
    this.#say = say
  }

  async do(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof RunnerError)) throw error
      // Whoever is to leave looks at the signal itself.
      if (error.code === 'CANCELLED') return
      if (error.message !== this.#said) this.#say(`${error.message}; trying on`)
      this.#said = error.message
    }
  }
}
