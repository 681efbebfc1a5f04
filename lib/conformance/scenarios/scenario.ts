import type { Surroundings } from '../claimed.js'
import type { Scene } from '../scene.js'

export interface Scenario {
  name: string
  /** What is proved, as it stands in the report. */
  proves: string
  /** Left out if the worker does not name this feature. */
  feature?: string
  run(scene: Scene, here: Surroundings): Promise<void>
}
