/**
 * Time in which this process ran. A paused virtual machine, a frozen cgroup or a process stopped by SIGSTOP saw nothing,
 * so the time that it lost is nobody's silence.
 */
export class RunningClock {
  readonly #mostStepMs: number
  readonly #now: () => number
  #lastMs: number
  #runningMs = 0

  /** @param mostStepMs a step between two readings counts as this much at most */
  constructor(mostStepMs: number, now: () => number = () => performance.now()) {
    this.#mostStepMs = mostStepMs
    this.#now = now
    this.#lastMs = now()
  }

  /** Milliseconds of running time. Read it at each step of the loop. */
  read(): number {
    const nowMs = this.#now()
    this.#runningMs += Math.min(Math.max(0, nowMs - this.#lastMs), this.#mostStepMs)
    this.#lastMs = nowMs
    return this.#runningMs
  }
}
