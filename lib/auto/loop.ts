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
export function beatFromStart(heartbeat: Heartbeat, maxAgeMs: number, start: Phase, onFirstTurn: () => void): void {
  const intervalMs = intervalFor(maxAgeMs)
  const now = performance.now.bind(performance)
  const isOver = startWatch(maxAgeMs, now())
  let isFirst = true
  const timer = setInterval(() => {
    if (isFirst) onFirstTurn()
    isFirst = false
    heartbeat.beat()
    if (!isOver(now())) return
    clearInterval(timer)
    start.end()
    beatWithLoop(heartbeat, intervalMs)
  }, intervalMs)
  timer.unref()
}

/** Asked at each turn of the loop. Counts time, not turns: the longest interval is a small part of a long max age. */
export function startWatch(maxAgeMs: number, beganMs: number): (nowMs: number) => boolean {
  const lateMs = 2 * intervalFor(maxAgeMs)
  let previousMs = beganMs
  let inTimeSinceMs = beganMs
  return (nowMs) => {
    if (nowMs - previousMs >= lateMs) inTimeSinceMs = nowMs
    previousMs = nowMs
    return nowMs - inTimeSinceMs >= maxAgeMs
  }
}
