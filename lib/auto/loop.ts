/** Beats of an event loop. */
import { performance } from 'node:perf_hooks'
// Not the globals: tests and tools of the program replace these.
import { clearInterval, setInterval } from 'node:timers'
import type { Heartbeat, Phase } from '../heartbeat.js'

const beatsPerMaxAge = 4
const [shortestIntervalMs, longestIntervalMs] = [1, 1_000]

/** Between two beats. */
export function intervalFor(maxAgeMs: number): number {
  return Math.min(Math.max(maxAgeMs / beatsPerMaxAge, shortestIntervalMs), longestIntervalMs)
}

/**
 * Beats each time that a timer of this thread's loop is due: an idle loop wakes up for it, a blocked one does not. The
 * timer does not keep the loop alive, so a program that has nothing left to do ends.
 */
export function beatWithLoop(heartbeat: Heartbeat, intervalMs: number): void {
  setInterval(heartbeat.beat, intervalMs).unref()
}

/**
 * As {@link beatWithLoop}, for a loop that has not begun yet: a program evaluates its modules in long steps, with turns of
 * the loop between them. Each step has the budget of `start`, until the loop has come round in time for a whole max age.
 *
 * @param onFirstTurn called once, before the first beat
 */
export function beatFromStart(heartbeat: Heartbeat, intervalMs: number, start: Phase, onFirstTurn: () => void): void {
  const now = performance.now.bind(performance)
  let previousMs = now()
  let isFirst = true
  let turnsInTime = 0
  const timer = setInterval(() => {
    if (isFirst) onFirstTurn()
    isFirst = false
    heartbeat.beat()
    const gapMs = now() - previousMs
    previousMs += gapMs
    turnsInTime = gapMs < 2 * intervalMs ? turnsInTime + 1 : 0
    if (turnsInTime < beatsPerMaxAge) return
    clearInterval(timer)
    start.end()
    beatWithLoop(heartbeat, intervalMs)
  }, intervalMs)
  timer.unref()
}
