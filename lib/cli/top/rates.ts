import type { SeenWorker } from '../workers/seen.js'
import type { WorkerRow } from './look.js'

interface Before {
  claims: number
  beats: number
  /** When the latest of these beats came. */
  beatAtMs: number
  beatsPerSecond: number | null
}

/** How often workers beat: the beats between two looks, by the time between the beats, and not between the looks. */
export class Rates {
  #before = new Map<string, Before>()

  /** @param atMs when the workers were read, by `performance.now()` */
  rows<Seen extends SeenWorker>(found: readonly { place: string; worker: Seen; atMs: number }[]): WorkerRow<Seen>[] {
    const now = new Map<string, Before>()
    const rows = found.map(({ place, worker, atMs }) => {
      const key = `${place}\0${worker.slot}\0${worker.name}`
      const seen = { claims: worker.claims, beats: worker.beats, beatAtMs: atMs - worker.ageMs }
      const beatsPerSecond = rateOf(seen, worker, this.#before.get(key))
      now.set(key, { ...seen, beatsPerSecond })
      return { place, worker, beatsPerSecond }
    })
    this.#before = now
    return rows
  }
}

function rateOf(
  { claims, beats, beatAtMs }: Omit<Before, 'beatsPerSecond'>,
  { ageMs }: SeenWorker,
  before: Before | undefined,
): number | null {
  if (before === undefined || before.claims !== claims || beats < before.beats) return null
  const passedMs = beatAtMs - before.beatAtMs
  // A beat of another clock tick than the look's may seem to be no later than the one before.
  if (beats > before.beats) return passedMs > 0 ? ((beats - before.beats) * 1000) / passedMs : before.beatsPerSecond
  // No beat for so long: it is at most one in that time. What was known of a slow worker stays until then.
  return Math.min(before.beatsPerSecond ?? 0, ageMs > 0 ? 1000 / ageMs : Number.POSITIVE_INFINITY)
}
