/** The pods of the tests: plain functions of settings, so that each can be checked without a cluster. */
import type { V1Container, V1Pod, V1PodSpec } from '@kubernetes/client-node'
import { type WireOptions, wire } from 'shm-liveness/kubernetes'
import type { Settings } from './settings.js'

/** What the restricted Pod Security level asks of a container. */
const securityContext = {
  runAsNonRoot: true,
  runAsUser: 65532,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

/** With limits, because under Kata they are the size of the virtual machine. */
const resources = {
  requests: { cpu: '10m', memory: '32Mi', 'ephemeral-storage': '8Mi' },
  limits: { cpu: '500m', memory: '128Mi' },
}

export const sidecarPort = 9900

/** A container of the sample worker; `script` is what it does (images/sample-worker/worker.cc). */
function worker(settings: Settings, name: string, script: string): V1Container {
  return {
    name,
    image: settings.workerImage,
    imagePullPolicy: 'IfNotPresent',
    command: ['/sample-worker'],
    env: [
      { name: 'SAMPLE_WORKER_SCRIPT', value: script },
      { name: 'SAMPLE_WORKER_MAX_AGE', value: settings.maxAge },
    ],
    resources,
    securityContext,
  }
}

function podOf(settings: Settings, name: string, spec: V1PodSpec): V1Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 5,
      ...(settings.runtimeClass === undefined ? {} : { runtimeClassName: settings.runtimeClass }),
      ...spec,
    },
  }
}

function wired(settings: Settings, pod: V1Pod, options: WireOptions = {}): V1Pod {
  const done = wire(pod, { image: settings.image, ...options })
  const installer = done.spec?.initContainers?.[0]
  if (installer !== undefined) installer.imagePullPolicy = 'IfNotPresent'
  return done
}

/** One wired container. */
export function samplePod(settings: Settings, name: string, script: string, options: WireOptions = {}): V1Pod {
  return wired(settings, podOf(settings, name, { containers: [worker(settings, 'camera', script)] }), options)
}

/** Stalls once, and beats from then on. */
export function stallsOnce(settings: Settings): V1Pod {
  return samplePod(settings, 'stalls-once', `ready,once,beat:${settings.beatSeconds}s,stall`)
}

/** Stalls again and again. */
export function stallsAlways(settings: Settings, name: string, options: WireOptions = {}): V1Pod {
  return samplePod(settings, name, `ready,beat:${settings.beatSeconds}s,stall`, options)
}

/**
 * In service, out of it, and in again. The startup probe asks every 5 s from when the pod was admitted, and only then is
 * readiness asked: the first time must be long enough to be seen, or the last is taken for it.
 */
const comesAndGoes = ({ beatSeconds }: Settings): string =>
  `ready,beat:${2 * beatSeconds}s,not-ready,beat:${beatSeconds}s,ready`

export function leavesService(settings: Settings): V1Pod {
  return samplePod(settings, 'leaves-service', comesAndGoes(settings))
}

/** Its installer's image has no /shm-probe. */
export function withoutProgram(settings: Settings): V1Pod {
  return samplePod({ ...settings, image: settings.workerImage }, 'without-program', 'ready')
}

/** Its installer may not write. */
export function withoutRoom(settings: Settings): V1Pod {
  const pod = samplePod(settings, 'without-room', 'ready')
  const mount = pod.spec?.initContainers?.[0]?.volumeMounts?.[0]
  if (mount !== undefined) mount.readOnly = true
  return pod
}

/** Two containers that see each other's processes and regions; the radar stalls once. */
export function sharesProcesses(settings: Settings): V1Pod {
  const containers = [
    worker(settings, 'camera', 'ready'),
    worker(settings, 'radar', `ready,once,beat:${settings.beatSeconds}s,stall`),
  ]
  const pod = podOf(settings, 'shares-processes', { shareProcessNamespace: true, containers })
  return wired(settings, pod, { containers: 'all' })
}

/** A native sidecar answers the camera's readiness; the camera itself has no readiness probe. */
export function hasSidecar(settings: Settings): V1Pod {
  const watcher: V1Container = {
    name: 'watcher',
    image: settings.image,
    imagePullPolicy: 'IfNotPresent',
    restartPolicy: 'Always',
    command: ['/shm-guard', '--region', 'camera', '--listen', `0.0.0.0:${sidecarPort}`],
    readinessProbe: { httpGet: { path: '/readyz', port: sidecarPort }, periodSeconds: 1, failureThreshold: 2 },
    resources,
    securityContext,
  }
  const containers = [worker(settings, 'camera', comesAndGoes(settings))]
  const pod = podOf(settings, 'has-sidecar', { initContainers: [watcher], containers })
  return wired(settings, pod, { containers: ['camera'], readiness: false })
}

/** A level that a namespace asks for shows in what it refuses. */
export function unrestricted(settings: Settings): V1Pod {
  const pod = samplePod(settings, 'unrestricted', 'ready')
  for (const container of pod.spec?.containers ?? []) container.securityContext = { privileged: true }
  return pod
}

export type Asked = 'nobody' | 'exec' | 'httpGet'

/** For the cost of a probe: the same pod, asked for liveness once a second, or by nobody. */
export function askedBy(settings: Settings, asked: Asked, number: number, node: string | undefined): V1Pod {
  const pod = samplePod(settings, `asked-by-${asked.toLowerCase()}-${number}`, 'ready', {
    guard: true,
    via: asked === 'exec' ? 'exec' : 'httpGet',
    startup: false,
    readiness: false,
    liveness: asked === 'nobody' ? false : { periodSeconds: 1, failureThreshold: 7 },
  })
  if (node !== undefined && pod.spec !== undefined) pod.spec.nodeName = node
  return pod
}

/** Every pod there is, to be checked without a cluster. */
export function allPods(settings: Settings): V1Pod[] {
  return [
    stallsOnce(settings),
    stallsAlways(settings, 'stalls-always'),
    stallsAlways(settings, 'guarded', { guard: { restart: 100 } }),
    leavesService(settings),
    withoutProgram(settings),
    withoutRoom(settings),
    sharesProcesses(settings),
    hasSidecar(settings),
    unrestricted(settings),
    ...(['nobody', 'exec', 'httpGet'] as const).map((asked) => askedBy(settings, asked, 1, 'node')),
  ]
}
