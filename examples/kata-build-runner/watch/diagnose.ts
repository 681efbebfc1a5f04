import type { Failure } from '../model/failure.js'
import type { StageLimits } from '../model/stage.js'
import { causeOf } from './causes.js'
import { failure } from './evidence.js'
import { hasStarted } from './facts.js'
import { failureOfRun, isProvenSuccess } from './failure-after-start.js'
import { failureAtTheEnd, failureOnTheWay } from './failure-before-start.js'
import type { Observed } from './observed.js'
import { stageOf } from './stage.js'

/** How long past the time by which the pod should be gone its node may still be silent. */
export const lostNodeMs = 120_000

/**
 * Why the build failed, or undefined as long as it is on its way, has succeeded, or the cause of its end is still to
 * come: ask again, once a second will do. What is returned is final.
 */
export function failureOf(observed: Observed, limits: StageLimits): Failure | undefined {
  if (succeeded(observed)) return undefined
  const started = hasStarted(observed)
  if (stageOf(observed).stage !== 'ended') {
    return lostNode(observed) ?? (started || observed.cancelled ? undefined : failureOnTheWay(observed, limits))
  }
  if (started) return failureOfRun(observed)
  // A queue that took the pod back before it began will give the Job another.
  if (observed.job?.spec?.suspend === true && observed.jobVanished !== true && !observed.cancelled) return undefined
  return observed.cancelled
    ? failure(observed, 'cancelled', 'cancelled before the build container had started')
    : failureAtTheEnd(observed)
}

/** Whether the guard says so, by its final record and its own exit. A pod's `Succeeded` alone proves nothing. */
export function succeeded(observed: Observed): boolean {
  return isProvenSuccess(observed)
}

/**
 * A pod on a node that does not answer keeps its last status for ever: the kubelet alone takes the pod away, after
 * whoever marked it for deletion.
 */
function lostNode(observed: Observed): Failure | undefined {
  const { deletingSince, heardMs, pod } = observed
  const graceMs = (pod?.metadata?.deletionGracePeriodSeconds ?? 0) * 1000
  const isOver = deletingSince !== undefined && heardMs - deletingSince >= graceMs + lostNodeMs
  if (pod?.status?.reason !== 'NodeLost' && !isOver) return undefined
  const cause = causeOf(observed)
  const node = `node ${pod?.spec?.nodeName ?? 'unknown'} does not answer`
  const summary =
    cause?.kind === 'node-lost'
      ? cause.summary
      : `${node}: the pod should have been gone ${Math.round(lostNodeMs / 1000)} s ago`
  // A node that is cut off may have started it meanwhile.
  return failure(observed, 'node-lost', summary, { started: true })
}
