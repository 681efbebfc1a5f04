import type { Clock } from '../../../../examples/kata-build-runner/model/clock.js'

/** A runner's own clock in a world with another: its time of day may be set, and it may be suspended. */
export class RunnerClock implements Clock {
  readonly #world: Clock
  #offsetMs = 0
  #thaw: (() => void) | undefined
  #thawed: Promise<void> = Promise.resolve()

  constructor(world: Clock) {
    this.#world = world
  }

  now(): number {
    return this.#world.now()
  }

  date(): Date {
    return new Date(this.#world.date().getTime() + this.#offsetMs)
  }

  /** What is due while the runner is suspended comes after that. */
  async sleep(ms: number, signal?: AbortSignal): Promise<boolean> {
    const isPast = await this.#world.sleep(ms, signal)
    while (this.#thaw !== undefined) await this.#thawed
    return isPast
  }

  step(ms: number): void {
    this.#offsetMs += ms
  }

  suspend(): void {
    if (this.#thaw !== undefined) return
    this.#thawed = new Promise((resolve) => {
      this.#thaw = resolve
    })
  }

  resume(): void {
    const thaw = this.#thaw
    this.#thaw = undefined
    thaw?.()
  }
}
