// The parts of the API's objects that the fake itself looks at, as they are in JSON: times are strings there, while
// client-node's types have Dates.

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

export interface Metadata {
  name: string
  namespace?: string
  generateName?: string
  uid: string
  resourceVersion: string
  generation?: number
  creationTimestamp: string
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
  finalizers?: string[]
}

export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: Metadata
  [field: string]: unknown
}

export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason?: string
  message?: string
  lastProbeTime?: string | null
  lastTransitionTime?: string
}

export interface ContainerState {
  waiting?: { reason: string; message?: string }
  running?: { startedAt: string }
  terminated?: {
    exitCode: number
    signal?: number
    reason: string
    message?: string
    startedAt: string | null
    finishedAt: string | null
    containerID?: string
  }
}

export interface ContainerStatus {
  name: string
  image: string
  imageID: string
  containerID?: string
  ready: boolean
  started: boolean
  restartCount: number
  state: ContainerState
  lastState: ContainerState
}

export interface ContainerSpec {
  name: string
  image: string
  command?: string[]
  args?: string[]
  restartPolicy?: string
  env?: { name: string; valueFrom?: { secretKeyRef?: { name: string; key: string; optional?: boolean } } }[]
}

export interface PodSpec {
  nodeName?: string
  runtimeClassName?: string
  activeDeadlineSeconds?: number
  terminationGracePeriodSeconds?: number
  restartPolicy?: string
  containers: ContainerSpec[]
  initContainers?: ContainerSpec[]
  volumes?: { name: string; secret?: { secretName: string; optional?: boolean } }[]
  [field: string]: unknown
}

export interface PodStatus {
  phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'
  reason?: string
  message?: string
  startTime?: string
  conditions?: Condition[]
  containerStatuses?: ContainerStatus[]
  initContainerStatuses?: ContainerStatus[]
  qosClass?: string
  hostIP?: string
  podIP?: string
}

export interface Pod extends KubeObject {
  spec: PodSpec
  status: PodStatus
}

export interface JobStatus {
  startTime?: string
  completionTime?: string
  active?: number
  ready?: number
  terminating?: number
  succeeded?: number
  failed?: number
  uncountedTerminatedPods?: { succeeded?: string[]; failed?: string[] }
  conditions?: Condition[]
}

export interface Job extends KubeObject {
  spec: {
    suspend?: boolean
    backoffLimit?: number
    completions?: number
    parallelism?: number
    activeDeadlineSeconds?: number
    ttlSecondsAfterFinished?: number
    selector?: { matchLabels?: Record<string, string> }
    template: { metadata?: Partial<Metadata>; spec: PodSpec }
    [field: string]: unknown
  }
  status: JobStatus
}

/** As metav1.Time has it: no fraction. */
export const kubeTime = (date = new Date()): string => `${date.toISOString().slice(0, 19)}Z`
/** As metav1.MicroTime has it. */
export const kubeMicroTime = (date = new Date()): string => `${date.toISOString().slice(0, 23)}000Z`

export const isTerminal = (pod: Pod): boolean => pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed'

/** The conditions with this one in place of the last of its type, its transition time kept while its status stays. */
export function withCondition(conditions: Condition[] | undefined, set: Condition): Condition[] {
  const before = conditions?.find(({ type }) => type === set.type)
  const transition = before?.status === set.status ? before.lastTransitionTime : kubeTime()
  const condition: Condition = { ...set, ...(transition === undefined ? {} : { lastTransitionTime: transition }) }
  if (before === undefined) return [...(conditions ?? []), condition]
  return conditions!.map((each) => (each === before ? condition : each))
}
