import type {
  V1ContainerState,
  V1ContainerStateTerminated,
  V1ContainerStatus,
  V1JobCondition,
  V1Pod,
  V1PodCondition,
} from '@kubernetes/client-node'
import { buildContainer } from '../launch/names.js'
import { type GuardRecord, parseRecord } from '../model/record.js'
import type { Observed } from './observed.js'

/** Times come as Date from typed clients, and as text from a watch. */
export function dateOf(value: Date | string | undefined | null): Date | undefined {
  if (value === undefined || value === null) return undefined
  const date = new Date(value)
  // A Go time that was never set is the year 1, and one that a runtime never set is 1970.
  return Number.isNaN(date.getTime()) || date.getTime() <= 0 ? undefined : date
}

export interface ContainerView {
  name: string
  image: string
  isInit: boolean
  /** A native sidecar: an init container that is to go on running. */
  isSidecar: boolean
  status: V1ContainerStatus | undefined
  state: V1ContainerState
}

/** The pod's containers in the order in which they start. */
export function containersOf(pod: V1Pod | undefined): ContainerView[] {
  const view =
    (isInit: boolean, statuses: V1ContainerStatus[] | undefined) =>
    (spec: { name: string; image?: string; restartPolicy?: string }) => {
      const status = statuses?.find(({ name }) => name === spec.name)
      return {
        name: spec.name,
        image: spec.image ?? status?.image ?? '',
        isInit,
        isSidecar: isInit && spec.restartPolicy === 'Always',
        status,
        state: status?.state ?? {},
      }
    }
  return [
    ...(pod?.spec?.initContainers ?? []).map(view(true, pod?.status?.initContainerStatuses)),
    ...(pod?.spec?.containers ?? []).map(view(false, pod?.status?.containerStatuses)),
  ]
}

export function buildOf(pod: V1Pod | undefined): ContainerView | undefined {
  return containersOf(pod).find(({ name, isInit }) => name === buildContainer && !isInit)
}

/** How the build container ended. */
export function endOf(pod: V1Pod | undefined): V1ContainerStateTerminated | undefined {
  return buildOf(pod)?.state.terminated
}

export function isTerminal(pod: V1Pod | undefined): boolean {
  return pod?.status?.phase === 'Succeeded' || pod?.status?.phase === 'Failed'
}

export function podCondition(pod: V1Pod | undefined, type: string): V1PodCondition | undefined {
  return pod?.status?.conditions?.find((condition) => condition.type === type)
}

/** The Job's condition of this type that is true. */
export function jobCondition({ job }: Observed, type: string): V1JobCondition | undefined {
  return job?.status?.conditions?.find((condition) => condition.type === type && condition.status === 'True')
}

/** The guard's last word: a final record before an interim one, the termination message before the log. */
export function recordOf({ pod, record }: Observed): GuardRecord | undefined {
  const left = parseRecord(endOf(pod)?.message ?? '')
  return left !== undefined && (!left.interim || record === undefined || record.interim) ? left : record
}

/** The reasons of a container that was never started, though it has ended (kubelet, containerd; dockershim's name). */
const startErrors = ['StartError', 'ContainerCannotRun']

export function isStartError(end: V1ContainerStateTerminated | undefined): boolean {
  return end?.reason !== undefined && startErrors.includes(end.reason)
}

/**
 * Whether the build container may have started. Where nobody knows it counts as started: to run a build a second time
 * that had begun is the worse mistake.
 */
export function hasStarted(observed: Observed): boolean {
  const { job, pod, podVanished, since, wentUnseen } = observed
  if (since.running !== undefined || recordOf(observed) !== undefined) return true
  const status = buildOf(pod)?.status
  const end = status?.state?.terminated
  if (status?.state?.running !== undefined || status?.lastState?.terminated !== undefined) return true
  if (end !== undefined) return !isStartError(end)
  if (wentUnseen === true) return true
  // A Job of one pod whose pod nobody has.
  if (pod === undefined) return (job?.status?.succeeded ?? 0) + (job?.status?.failed ?? 0) > 0
  return Boolean(pod.spec?.nodeName) && (podVanished === true || isFromAbsentNode(pod))
}

/** The pod's status is not its kubelet's: what happened on the node since, nobody has seen. */
function isFromAbsentNode(pod: V1Pod): boolean {
  const disruption = podCondition(pod, 'DisruptionTarget')
  return pod.status?.reason === 'NodeLost' || (disruption?.status === 'True' && disruption.reason === 'DeletionByPodGC')
}
