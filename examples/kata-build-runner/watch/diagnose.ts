import type { Failure } from '../model/failure.js'
import type { StageLimits } from '../model/stage.js'
import type { Observed } from './observed.js'

/** Why the build failed, or undefined as long as it is on its way or has succeeded. */
export function failureOf(_observed: Observed, _limits: StageLimits): Failure | undefined {
  return undefined
}

/** Whether the guard's final record says that every step exited with 0. A pod's `Succeeded` alone proves nothing. */
export function succeeded(_observed: Observed): boolean {
  return false
}
