import { createHash, randomBytes } from 'node:crypto'
import {
  type Condition,
  type ContainerSpec,
  type ContainerStatus,
  kubeTime,
  type Pod,
  type PodStatus,
  withCondition,
} from './objects.js'
import type { ContainerEnd } from './pod-life.js'

/** The kubelet reads so much of a termination log, from its end. */
const messageBytes = 4096

export const containersOf = ({ spec }: Pod): ContainerSpec[] => [...(spec.initContainers ?? []), ...spec.containers]
const isSidecar = ({ restartPolicy }: ContainerSpec) => restartPolicy === 'Always'

export const waitingState = (reason: string, message?: string): Partial<ContainerStatus> => ({
  state: { waiting: { reason, ...(message === undefined ? {} : { message }) } },
  ready: false,
  started: false,
})

export const imageIdOf = (image: string): string =>
  `${image.replace(/[:@][^/]*$/, '')}@sha256:${createHash('sha256').update(image).digest('hex')}`

export const runningState = ({ image }: ContainerSpec): Partial<ContainerStatus> => ({
  containerID: `containerd://${randomBytes(32).toString('hex')}`,
  imageID: imageIdOf(image),
  state: { running: { startedAt: kubeTime() } },
  ready: true,
  started: true,
})

export function terminatedState(status: ContainerStatus | undefined, end: ContainerEnd): Partial<ContainerStatus> {
  const { exitCode, reason = exitCode === 0 ? 'Completed' : 'Error', message } = end
  const containerID = status?.containerID
  const text = message === undefined ? undefined : Buffer.from(message).subarray(-messageBytes).toString()
  return {
    state: {
      terminated: {
        exitCode,
        reason,
        ...(text === undefined || text === '' ? {} : { message: text }),
        startedAt: status?.state.running?.startedAt ?? null,
        finishedAt: kubeTime(),
        ...(containerID === undefined ? {} : { containerID }),
      },
    },
    ready: false,
    started: false,
  }
}

/** The status of a pod of which nothing runs any more (restartPolicy Never): its exits decide its phase. */
export function endedStatuses(status: PodStatus, pod: Pod): PodStatus {
  const failedInit = (status.initContainerStatuses ?? []).some(
    ({ name, state }) =>
      (state.terminated?.exitCode ?? 0) !== 0 &&
      !pod.spec.initContainers?.some((each) => each.name === name && isSidecar(each)),
  )
  const exits = (status.containerStatuses ?? []).map(({ state }) => state.terminated?.exitCode)
  const phase = !failedInit && exits.length > 0 && exits.every((exit) => exit === 0) ? 'Succeeded' : 'Failed'
  const reason = phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed'
  const conditions: Condition[] = [
    { type: 'PodReadyToStartContainers', status: 'False' },
    { type: 'Ready', status: 'False', reason },
    { type: 'ContainersReady', status: 'False', reason },
  ]
  return { ...status, phase, conditions: conditions.reduce(withCondition, status.conditions ?? []) }
}
