/**
 * The source of time: every wait and every duration of the runner comes from one, so that a test can advance it instead
 * of waiting.
 */
export interface Clock {
  /** Monotonic milliseconds, for durations: a step of the system's time does not change them. */
  now(): number
  /** The time of day, for people and for the API server. Two of them make no duration. */
  date(): Date
  /** @returns whether all of it has passed; false, at once, when the signal ends it */
  sleep(ms: number, signal?: AbortSignal): Promise<boolean>
}

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  async sleep(ms, signal) {
    return await new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', settle)
        resolve(signal?.aborted !== true)
      }
      const timer = setTimeout(settle, ms)
      signal?.addEventListener('abort', settle)
      if (signal?.aborted) settle()
    })
  },
}

/**
 * Calls `work` once the time has passed.
 *
 * @returns prevents that
 */
export function after(clock: Clock, ms: number, work: () => void): () => void {
  const stop = new AbortController()
  void clock.sleep(ms, stop.signal).then(() => {
    if (!stop.signal.aborted) work()
  })
  return () => stop.abort()
}
