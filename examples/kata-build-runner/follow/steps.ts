import type { Mark } from '../log/marks.js'
import { shortened } from '../model/plain-text.js'
import type { StepResult } from '../model/result.js'

/** The guard takes no more, and no longer names. A build that forges marks must not fill the runner's memory. */
export const mostSteps = 256
const mostNameCharacters = 63

/** The steps of a build, as the guard's marks in the log tell of them. */
export class Steps {
  readonly #results = new Map<number, StepResult>()

  hear(mark: Mark): void {
    if ('step' in mark && mark.step > mostSteps) return
    if (mark.mark === 'begin') {
      this.#results.set(mark.step, {
        number: mark.step,
        name: shortened(mark.name, mostNameCharacters),
        outcome: 'running',
      })
    }
    if (mark.mark === 'end') {
      const { step: number, exit, durationNs } = mark
      const [name, outcome] = [mark.name, mark.outcome].map((text) => shortened(text, mostNameCharacters)) as [
        string,
        string,
      ]
      this.#results.set(number, { number, name, outcome, exit, durationMs: Math.round(durationNs / 1e6) })
    }
  }

  get results(): StepResult[] {
    return [...this.#results.values()].sort((a, b) => a.number - b.number)
  }
}
