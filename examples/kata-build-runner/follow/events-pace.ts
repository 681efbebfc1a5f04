import type { Stage } from '../model/stage.js'
import type { Timing } from './timing.js'

/**
 * When a build's events are asked for: once as it runs (whether its image was cached), as it has ended (why), and before
 * that while a stage lasts, ever more rarely. Nothing else asks: a watch of events would bring those of every pod.
 */
export class EventsPace {
  readonly #timing: Timing
  #stage: Stage | undefined
  #dueMs = 0
  #waitMs = 0

  constructor(timing: Timing) {
    this.#timing = timing
  }

  isDue(stage: Stage, nowMs: number): boolean {
    if (stage !== this.#stage) {
      this.#stage = stage
      this.#waitMs = this.#timing.firstEventsMs
      this.#dueMs = stage === 'running' || stage === 'ended' ? nowMs : nowMs + this.#waitMs
    }
    if (nowMs < this.#dueMs) return false
    this.#dueMs = stage === 'running' ? Number.POSITIVE_INFINITY : nowMs + this.#waitMs
    this.#waitMs = Math.min(this.#waitMs * 2, this.#timing.eventsMs)
    return true
  }
}
