import { deleteObject } from './deletion.js'
import type { Move } from './kubelet.js'
import { kubeTime } from './objects.js'
import type { PodLife } from './pod-life.js'
import { jobs, nodes, pods } from './resources.js'

// What goes wrong with a pod, in the words of the scheduler, the kubelet and the controllers.

const first = (life: PodLife, container?: string) => container ?? life.pod.spec.containers[0]!.name
const warning = 'Warning'

/** The scheduler's word, said again `times` times; the pod waits on. */
export const unschedulable =
  (
    why = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
    { times = 1, everyMs = 10 } = {},
  ): Move =>
  async (life) => {
    life.setCondition({ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: why })
    const text = { type: warning, reason: 'FailedScheduling', message: why } as const
    for (let time = 0; time < times; time++) {
      if (time > 0) await life.sleep(everyMs)
      life.kubelet.recorder.recordSeries(life.pod, text, 'default-scheduler', 'Scheduling')
    }
  }

export interface PullFailure {
  container?: string
  why?: string
  /** Between a failed pull and its back-off, and between that and the next pull, in ms. @default 10 */
  everyMs?: number
  /** Pulls that fail; then the scenario goes on. @default without end */
  times?: number
}

/** ErrImagePull and ImagePullBackOff by turns (image_manager.go). */
export const pullFails =
  ({ container, why, everyMs = 10, times = Number.POSITIVE_INFINITY }: PullFailure = {}): Move =>
  async (life) => {
    const name = first(life, container)
    const { image } = life.container(name)
    const reason =
      why ??
      `rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`
    for (let time = 0; time < times; time++) {
      life.containerEvent(name, { reason: 'Pulling', message: `Pulling image "${image}"` })
      const failed = `Failed to pull image "${image}": ${reason}`
      life.containerEvent(name, { type: warning, reason: 'Failed', message: failed })
      life.containerEvent(name, { type: warning, reason: 'Failed', message: 'Error: ErrImagePull' })
      life.waits(name, 'ErrImagePull', reason)
      await life.sleep(everyMs)
      const backOff = `Back-off pulling image "${image}"`
      life.containerEvent(name, { reason: 'BackOff', message: backOff })
      life.containerEvent(name, { type: warning, reason: 'Failed', message: 'Error: ImagePullBackOff' })
      life.waits(name, 'ImagePullBackOff', `${backOff}: ErrImagePull: ${reason}`)
      await life.sleep(everyMs)
    }
  }

export const imageNameInvalid =
  (container?: string): Move =>
  (life) => {
    const name = first(life, container)
    const { image } = life.container(name)
    const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`
    life.containerEvent(name, { type: warning, reason: 'InspectFailed', message })
    life.containerEvent(name, { type: warning, reason: 'Failed', message: 'Error: InvalidImageName' })
    life.waits(name, 'InvalidImageName', message)
  }

/** CreateContainerConfigError: a Secret that the environment needs, or a key of it, is not there. */
export const configFails =
  (message: string, container?: string): Move =>
  (life) => {
    life.containerEvent(first(life, container), { type: warning, reason: 'Failed', message: `Error: ${message}` })
    life.waits(first(life, container), 'CreateContainerConfigError', message)
  }
export const secretMissing = (secret: string): Move => configFails(`secret "${secret}" not found`)

/** A volume that cannot be mounted: only events say so, and the containers wait in ContainerCreating. */
export const mountFails =
  (volume: string, why: string): Move =>
  (life) =>
    life.event({
      type: warning,
      reason: 'FailedMount',
      message: `MountVolume.SetUp failed for volume "${volume}" : ${why}`,
    })

/** The sandbox is not made, as where a RuntimeClass's handler is not configured: only events say so. */
export const sandboxFails =
  (why = 'rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "kata" is configured'): Move =>
  (life) =>
    life.event({
      type: warning,
      reason: 'FailedCreatePodSandBox',
      message: `Failed to create pod sandbox: ${why}`,
    })

/** CreateContainerError: the runtime refuses, and the kubelet tries on. */
export const createFails =
  (why: string, container?: string): Move =>
  (life) => {
    life.containerEvent(first(life, container), { type: warning, reason: 'Failed', message: `Error: ${why}` })
    life.waits(first(life, container), 'CreateContainerError', why)
  }

/** StartError, exit 128: with restartPolicy Never that is the pod's end. */
export const startFails =
  (
    why = 'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/shm-liveness/shm-guard": stat /shm-liveness/shm-guard: no such file or directory: unknown',
    container?: string,
  ): Move =>
  async (life) => {
    const name = first(life, container)
    life.containerEvent(name, { reason: 'Created', message: `Created container: ${name}` })
    life.containerEvent(name, { type: warning, reason: 'Failed', message: `Error: ${why}` })
    const epoch = kubeTime(new Date(0))
    const terminated = { exitCode: 128, reason: 'StartError', message: why, startedAt: epoch, finishedAt: kubeTime() }
    life.setContainer(name, { state: { terminated }, ready: false, started: false })
    await life.completes()
  }

/** An init container ends badly: with restartPolicy Never that is the pod's end. */
export const initFails =
  ({ container, exitCode = 1, message }: { container?: string; exitCode?: number; message?: string } = {}): Move =>
  async (life) => {
    const name = container ?? life.pod.spec.initContainers![0]!.name
    life.starts(name)
    life.ends(name, { exitCode, ...(message === undefined ? {} : { message }) })
    await life.completes()
  }

/** By the kubelet, for want of a resource. */
export const evicted =
  (
    message = 'The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 512Mi. Container build was using 9Gi, request is 0, has larger consumption of ephemeral-storage. ',
  ): Move =>
  async (life) => {
    life.event({ type: warning, reason: 'Evicted', message })
    const disrupted = { type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message } as const
    await life.kill((status) => ({
      ...status,
      ...{ phase: 'Failed', reason: 'Evicted', message },
      conditions: [...(status.conditions ?? []), { ...disrupted, lastTransitionTime: kubeTime() }],
    }))
  }

const deleteBy = (life: PodLife, reason: string, message: string) => {
  life.setCondition({ type: 'DisruptionTarget', status: 'True', reason, message })
  deleteObject(life.kubelet.store, pods, life.pod, { propagationPolicy: 'Background' })
}

/** By the scheduler, for a pod of higher priority: an ordinary deletion, with its grace. */
export const preempted: Move = (life) => {
  const by = 'Preempted by pod 6a6f0d3c-0000-4000-8000-000000000001 on node node-1'
  life.kubelet.recorder.recordSeries(life.pod, { reason: 'Preempted', message: by }, 'default-scheduler', 'Preempting')
  deleteBy(life, 'PreemptionByScheduler', 'default-scheduler: preempting to accommodate a higher priority pod')
}

/** By a drain. */
export const drained: Move = (life) => deleteBy(life, 'EvictionByEvictionAPI', 'Eviction API: evicting')

/**
 * The node is silent: first the pod is unready, and after `tolerationMs` the taint manager deletes it, which nobody
 * carries out. Its log is out of reach. The node's object, if there is one, says NodeStatusUnknown.
 */
export const nodeLost =
  (tolerationMs = 20): Move =>
  async (life) => {
    life.isUnreachable = true
    const { store, recorder } = life.kubelet
    const node = store.find(nodes, undefined, life.pod.spec.nodeName ?? '')
    if (node !== undefined) store.update(nodes, node.metadata, (before) => ({ ...before, ...silentNode }))
    life.setCondition({ type: 'Ready', status: 'False', reason: 'NodeNotReady' })
    const text = { type: warning, reason: 'NodeNotReady', message: 'Node is not ready' } as const
    recorder.record(life.pod, text, 'node-controller')
    await life.sleep(tolerationMs)
    const marking = `Marking for deletion Pod ${life.pod.metadata.namespace}/${life.pod.metadata.name}`
    recorder.record(life.pod, { reason: 'TaintManagerEviction', message: marking }, 'taint-eviction-controller')
    deleteBy(life, 'DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint')
  }

const silentNode = {
  spec: { taints: [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }] },
  status: {
    conditions: [
      {
        ...{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' },
        message: 'Kubelet stopped posting node status.',
      },
    ],
  },
}

const deleteJobBy =
  (propagationPolicy: 'Background' | 'Foreground' | 'Orphan'): Move =>
  (life) => {
    const job = life.kubelet.store.get(jobs, life.pod.metadata.namespace, life.jobName)
    deleteObject(life.kubelet.store, jobs, job, { propagationPolicy })
  }

/** Somebody deletes the Job, and its pod with it. */
export const jobVanishes = deleteJobBy('Background')

/** The same, and the Job stays until its pod is gone. */
export const jobVanishesLast = deleteJobBy('Foreground')

/** The same, but its pod stays. */
export const jobLeavesPod = deleteJobBy('Orphan')
