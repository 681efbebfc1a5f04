import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node'
import { buildOf, dateOf, isStartError, isTerminal } from '../watch/facts.js'

/**
 * Whether the build container of a pod that is gone surely never started, so that the build may be launched again. Only a
 * kubelet's last status says so: where a node was lost and others took the pod away, the build may have begun.
 */
export function surelyNeverStarted(pod: V1Pod | undefined): boolean {
  if (pod === undefined || !pod.spec?.nodeName) return true
  return isTerminal(pod) && !showsRun(pod)
}

/** Whether a pod's status tells that its build container runs, or ran. */
export function showsRun(pod: V1Pod | undefined): boolean {
  const status = buildOf(pod)?.status
  return status !== undefined && !hasNoRun(status)
}

function hasNoRun({ state, lastState, restartCount, containerID }: V1ContainerStatus): boolean {
  const end = state?.terminated
  if (state?.running || lastState?.terminated || restartCount > 0) return false
  if (end === undefined || isStartError(end)) return true
  // What a kubelet says at a pod's end of a container that it never made (`TerminatePod`); of one that it had seen running
  // it says so, too, but counts a restart.
  return end.reason === 'ContainerStatusUnknown' && dateOf(end.startedAt) === undefined && !containerID
}
