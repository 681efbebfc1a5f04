import type { BuildView } from './build-view.js'
import { AskToEnd, deletePod } from './cancel.js'
import type { Surroundings } from './surroundings.js'

/** A cancel under way: asked for once, and asked for again in another way where the first did not end the build. */
export class Cancelling {
  readonly #around: Surroundings
  readonly #view: BuildView
  readonly #graceMs: number
  readonly #ask: AskToEnd
  #askedMs: number | undefined
  #isPodDeleted = false

  constructor(around: Surroundings, view: BuildView, graceMs: number) {
    this.#around = around
    this.#view = view
    this.#graceMs = graceMs
    this.#ask = new AskToEnd(around, view)
  }

  async goOn(): Promise<void> {
    const nowMs = this.#around.clock.now()
    if (this.#askedMs === undefined) {
      if (await this.#ask.goOn()) this.#askedMs = nowMs
      return
    }
    const isOverdue = nowMs - this.#askedMs >= this.#graceMs + this.#around.timing.settleMs
    if (!isOverdue || this.#isPodDeleted || this.#view.hasNoMoreOutput) return
    await deletePod(this.#around, this.#view)
    this.#isPodDeleted = true
  }
}
