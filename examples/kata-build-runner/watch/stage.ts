import type { Stage } from '../model/stage.js'
import type { Observed } from './observed.js'

export interface StagePoint {
  stage: Stage
  /** What is being done or waited for, in a few words without control characters. */
  detail?: string
}

/** Where the build is. */
export function stageOf(observed: Observed): StagePoint {
  return { stage: observed.pod === undefined ? 'created' : 'queued' }
}
