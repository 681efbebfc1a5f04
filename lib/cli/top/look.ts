/** One look at many workers, from whichever source: regions of this machine, or pods. */
import type { SeenWorker } from '../workers/seen.js'

/** A worker, and how often it has beaten since the look before. */
export interface WorkerRow<Seen extends SeenWorker = SeenWorker> {
  /** Where it was found: the region, or the pod. */
  place: string
  worker: Seen
  /** null: there was no look before, or the slot was claimed anew meanwhile. */
  beatsPerSecond: number | null
}

/** A place that could not be read, and why. */
export interface Unreadable {
  place: string
  reason: string
}

export interface Look<Seen extends SeenWorker = SeenWorker> {
  workers: WorkerRow<Seen>[]
  unreadable: Unreadable[]
  /** What was met and is not shown, a phrase each. */
  leftOut: string[]
}

/** What is looked at again and again. */
export interface Source<Seen extends SeenWorker = SeenWorker> {
  /** The first words of the screen. */
  title: string
  /** What a place is, as a column's heading. */
  placeHeading: string
  look(): Look<Seen> | Promise<Look<Seen>>
}
