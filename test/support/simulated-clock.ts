import { performance } from 'node:perf_hooks'
import { inspect } from 'node:util'
import type { Clock } from '../../examples/kata-build-runner/model/clock.js'

interface Sleeper {
  atMs: number
  wake(): void
}

/** Turns of the event loop in which nothing came from outside, after which all of the process waits. */
const quietTurns = 10
/**
 * An answer within this process must not be late by a jump of the clock, also on a crowded machine: wait for it first. A
 * turn counts for a millisecond at most, because in a longer one the machine was busy with something else.
 */
const jumpMs = 1_500
const quietBeforeJumpMs = 15
const longestTurnMs = 1
/** Of real time: as `until.ts` has it. */
const usualLimitMs = 60_000

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const eventsSeen = (): number => performance.nodeTiming.uvMetricsInfo.events
/** Work of libuv's threads (files, names) and connections under way: no event tells of them before they are done. */
const isAtWork = (): boolean => process.getActiveResourcesInfo().some((name) => /Req|ConnectWrap/.test(name))

/**
 * A clock that stands still until a test lets time pass. Then it goes from one moment that somebody sleeps until to the
 * next, and at each waits for all that follows from it: also what goes over sockets between parts of this process.
 */
export class SimulatedClock implements Clock {
  #nowMs = 0
  #sleepers: Sleeper[] = []
  /** Counts sleeps that began or ended. */
  #changes = 0
  #turns: Promise<unknown> = Promise.resolve()
  readonly #beganMs = Date.parse('2026-11-24T10:15:00Z')
  readonly #grainMs: number
  readonly #limitMs: number

  /**
   * @param grainMs sleeps end at multiples of it. The coarser it is the more happens at the same moment: hundreds of
   *   builds then take no more steps than one
   * @param limitMs of real time, for one wait
   */
  constructor({ grainMs = 0, limitMs = usualLimitMs } = {}) {
    this.#grainMs = grainMs
    this.#limitMs = limitMs
  }

  now(): number {
    return this.#nowMs
  }

  date(): Date {
    return new Date(this.#beganMs + this.#nowMs)
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted) return false
    return await new Promise((resolve) => {
      const settle = () => {
        this.#changes++
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper)
        signal?.removeEventListener('abort', settle)
        resolve(signal?.aborted !== true)
      }
      const sleeper = { atMs: this.#momentIn(ms), wake: settle }
      this.#changes++
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', settle)
    })
  }

  /** Lets so much time pass: what is due on its way happens at its own time. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await this.#alone(async () => {
      for (;;) {
        await this.#quiet()
        const nextMs = this.#nextMs()
        if (nextMs > endMs) break
        this.#goTo(nextMs)
      }
      this.#nowMs = endMs
    })
  }

  /**
   * Lets time pass until the answer is neither undefined, null nor false. It is asked whenever everything waits.
   *
   * @throws Error if that takes longer than the limit of real time
   */
  async until<Seen>(what: string, look: () => Seen | Promise<Seen>): Promise<Exclude<Seen, undefined | null | false>> {
    const deadline = performance.now() + this.#limitMs
    for (;;) {
      const seen = await this.#alone(async () => {
        await this.#quiet()
        const now = await look()
        if (!isMet(now)) await this.#step()
        return now
      })
      if (isMet(seen)) return seen as Exclude<Seen, undefined | null | false>
      if (performance.now() > deadline) {
        const told = inspect(seen, { depth: 4 })
        throw new Error(
          `Not within ${this.#limitMs / 1000} s, in which ${this.#nowMs / 1000} s passed: ${what}. Last seen: ${told}`,
        )
      }
    }
  }

  /** Lets time pass until the work has come to its end. */
  async ending<T>(work: Promise<T>): Promise<T> {
    let hasEnded = false
    const end = () => {
      hasEnded = true
    }
    work.then(end, end)
    await this.until('the end of the work', () => hasEnded)
    return await work
  }

  /** One after the other: several parts of a test may wait at the same time. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turns.then(work)
    this.#turns = mine.catch(() => {})
    return await mine
  }

  async #quiet(turns = quietTurns): Promise<void> {
    for (let left = turns; left > 0; left--) {
      const [events, changes] = [eventsSeen(), this.#changes]
      await turn()
      if (eventsSeen() !== events || this.#changes !== changes) left = turns + 1
    }
  }

  /** To the next moment at which something happens. */
  async #step(): Promise<void> {
    const nextMs = this.#nextMs()
    if (nextMs - this.#nowMs > jumpMs && (await this.#hasMoreToCome())) return
    if (Number.isFinite(nextMs)) this.#goTo(nextMs)
  }

  async #hasMoreToCome(): Promise<boolean> {
    const events = eventsSeen()
    const changes = this.#changes
    for (let quietMs = 0; quietMs < quietBeforeJumpMs; ) {
      const beganMs = performance.now()
      await turn()
      quietMs += Math.min(longestTurnMs, performance.now() - beganMs)
    }
    await this.#quiet()
    return eventsSeen() !== events || this.#changes !== changes || isAtWork()
  }

  #momentIn(ms: number): number {
    if (ms <= 0) return this.#nowMs
    const atMs = this.#nowMs + ms
    return this.#grainMs === 0 ? atMs : Math.ceil(atMs / this.#grainMs) * this.#grainMs
  }

  #nextMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#sleepers.map(({ atMs }) => atMs))
  }

  #goTo(ms: number): void {
    this.#nowMs = ms
    for (const sleeper of this.#sleepers.filter(({ atMs }) => atMs <= ms).sort((a, b) => a.atMs - b.atMs))
      sleeper.wake()
  }
}

const isMet = (seen: unknown): boolean => seen !== undefined && seen !== null && seen !== false
