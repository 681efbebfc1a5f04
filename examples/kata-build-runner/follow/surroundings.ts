import type { BuildApi } from '../api/build-api.js'
import type { Clock } from '../model/clock.js'
import type { Progress } from '../report/progress.js'
import type { Fleet } from './fleet.js'
import type { Interruption } from './interruption.js'
import type { Timing } from './timing.js'

/** What following builds stands on. One for all builds of a process that are in one namespace. */
export interface Surroundings {
  api: BuildApi
  namespace: string
  fleet: Fleet
  timing: Timing
  interruption: Interruption
  clock: Clock
}

/** Where what a build says goes. */
export interface Display {
  /** The build's own output, byte for byte. While it returns an open promise no more is read. */
  output(bytes: Uint8Array): Promise<void> | undefined | void
  progress: Pick<Progress, 'stage' | 'step'>
  /** A line for people that is no progress: something is wrong, or was decided. */
  say(text: string): void
}
