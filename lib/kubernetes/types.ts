/**
 * The parts of Kubernetes objects that are read or written here, structurally: objects of any client library fit, and
 * none becomes a dependency. Field names and units are the API's (`…Seconds` are whole seconds).
 */

export interface ExecAction {
  command: string[]
}

export interface HttpGetAction {
  path: string
  port: number | string
}

interface ProbeTiming {
  initialDelaySeconds?: number
  periodSeconds?: number
  timeoutSeconds?: number
  failureThreshold?: number
  successThreshold?: number
  terminationGracePeriodSeconds?: number
}

/** A probe that the kubelet answers by running a command in the container. */
export interface ExecProbe extends ProbeTiming {
  exec: ExecAction
}

/** A probe that the kubelet answers by an HTTP request to the pod's address. */
export interface HttpGetProbe extends ProbeTiming {
  httpGet: HttpGetAction
}

/** A probe as a manifest may have it. */
export interface Probe extends ProbeTiming {
  exec?: ExecAction
  httpGet?: HttpGetAction & { host?: string }
  tcpSocket?: { port: number | string }
  grpc?: { port: number }
}

export interface EnvVar {
  name: string
  value?: string
  valueFrom?: object
}

export interface VolumeMount {
  name: string
  mountPath: string
  readOnly?: boolean
  subPath?: string
  subPathExpr?: string
}

export interface Volume {
  name: string
  emptyDir?: { medium?: string; sizeLimit?: string } | null
}

export interface Resources {
  requests?: Record<string, string | number>
  limits?: Record<string, string | number>
}

export interface Container {
  name?: string
  image?: string
  command?: string[]
  args?: string[]
  env?: EnvVar[]
  ports?: { containerPort?: number }[]
  volumeMounts?: VolumeMount[]
  resources?: Resources
  terminationMessagePath?: string
  terminationMessagePolicy?: string
  securityContext?: object
  /** `stopSignal`: since Kubernetes 1.33. */
  lifecycle?: { stopSignal?: string }
  /** Of an init container: `Always` makes it a sidecar. */
  restartPolicy?: string
  startupProbe?: Probe | null
  livenessProbe?: Probe | null
  readinessProbe?: Probe | null
}

export interface PodSpec {
  containers: Container[]
  initContainers?: Container[] | null
  ephemeralContainers?: Container[] | null
  volumes?: Volume[] | null
  restartPolicy?: string
  runtimeClassName?: string
  hostNetwork?: boolean
  hostIPC?: boolean
  os?: { name?: string }
  nodeSelector?: Record<string, string>
  terminationGracePeriodSeconds?: number
  /** Of the pod as a whole. */
  resources?: Resources | null
}

/** The three questions that the kubelet asks. */
export type Check = 'startup' | 'liveness' | 'readiness'

/** Where something is in an object: keys and indices from its root. */
export type Path = readonly (string | number)[]
