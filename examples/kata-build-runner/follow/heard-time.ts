import type { Clock } from '../model/clock.js'
import type { Fleet } from './fleet.js'

/** A runner that was not looking for longer was stopped itself, or waited for calls: what it knows is as old as that. */
const mostBetweenLooksMs = 10_000

/**
 * How long the API server has been heard. Limits count by it, so that they stand still while nothing is heard: what is
 * known of a build is then as old as the silence, and a build that starts meanwhile is not seen. They also stand still
 * while the runner itself is suspended.
 */
export class HeardTime {
  readonly #clock: Clock
  readonly #fleet: Pick<Fleet, 'silentMs'>
  #lookedMs: number
  #heardMs = 0

  constructor({ clock, fleet }: { clock: Clock; fleet: Pick<Fleet, 'silentMs'> }) {
    this.#clock = clock
    this.#fleet = fleet
    this.#lookedMs = clock.now()
  }

  /** Milliseconds. To be asked at each look at the build. */
  now(): number {
    const nowMs = this.#clock.now()
    const betweenMs = nowMs - this.#lookedMs
    this.#lookedMs = nowMs
    if (this.#fleet.silentMs() === 0) this.#heardMs += Math.min(betweenMs, mostBetweenLooksMs)
    return this.#heardMs
  }
}
