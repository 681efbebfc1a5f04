import type { CoreV1Event, V1ContainerState, V1Job, V1Pod, V1PodCondition } from '@kubernetes/client-node'
import type { StageLimits } from '../../../examples/kata-build-runner/model/stage.js'
import type { Observed } from '../../../examples/kata-build-runner/watch/observed.js'

// As JSON gives them, times are texts: the types of client-node say Date.
type Json = Record<string, unknown>

export const limits: StageLimits = {
  createdMs: 300_000,
  queuedMs: 1_800_000,
  pullingMs: 900_000,
  initMs: 180_000,
  startingMs: 180_000,
}

const startedAt = '2026-11-24T10:00:30Z'
export const start = Date.parse('2026-11-24T10:00:00Z')
export const image = 'registry.example/node:12'

export function at(seconds: number): Date {
  return new Date(start + seconds * 1000)
}

export function job(status: Json = {}, spec: Json = {}, metadata: Json = {}): V1Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: 'web-1',
      namespace: 'builds',
      uid: 'job-uid',
      creationTimestamp: '2026-11-24T10:00:00Z',
      ...metadata,
    },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: 9600,
      suspend: false,
      ...spec,
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'build', image }] } },
    },
    status,
  } as unknown as V1Job
}

interface PodShape {
  phase?: string
  reason?: string
  message?: string
  node?: string | null
  installer?: V1ContainerState | Json
  docker?: Json
  build?: V1ContainerState | Json
  conditions?: Json[]
  metadata?: Json
  spec?: Json
}

/** A pod of the runner, on its way as far as its containers' states say. */
export function pod(shape: PodShape = {}): V1Pod {
  const { node = 'kata-7', installer, docker, build } = shape
  const scheduled =
    node === null ? [] : [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-11-24T10:00:05Z' }]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-1-x7k2p',
      namespace: 'builds',
      uid: 'pod-uid',
      creationTimestamp: '2026-11-24T10:00:01Z',
      ...shape.metadata,
    },
    spec: {
      ...(node === null ? {} : { nodeName: node }),
      activeDeadlineSeconds: 5400,
      restartPolicy: 'Never',
      initContainers: [
        ...(docker === undefined ? [] : [{ name: 'docker', image: 'docker:28-dind', restartPolicy: 'Always' }]),
        { name: 'shm-liveness-install', image: 'registry.example/shm-liveness:1' },
      ],
      containers: [
        { name: 'build', image, resources: { requests: { cpu: '6', memory: '12Gi', 'ephemeral-storage': '20Gi' } } },
      ],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'dedicated', operator: 'In', values: ['screwdriver-kata'] }] },
            ],
          },
        },
      },
      ...shape.spec,
    },
    status: {
      phase: shape.phase ?? 'Pending',
      ...(shape.reason === undefined ? {} : { reason: shape.reason }),
      ...(shape.message === undefined ? {} : { message: shape.message }),
      conditions: [...scheduled, ...(shape.conditions ?? [])] as unknown as V1PodCondition[],
      ...(installer === undefined && docker === undefined
        ? {}
        : {
            initContainerStatuses: [
              ...(docker === undefined ? [] : [status('docker', 'docker:28-dind', docker)]),
              status('shm-liveness-install', 'registry.example/shm-liveness:1', {
                state: installer ?? podInitializing,
              }),
            ],
          }),
      ...(build === undefined ? {} : { containerStatuses: [status('build', image, { state: build })] }),
    },
  } as unknown as V1Pod
}

function status(name: string, of: string, shape: Json): Json {
  return { name, image: of, imageID: '', ready: false, restartCount: 0, ...shape }
}

export const podInitializing = { waiting: { reason: 'PodInitializing' } }
export const installed = {
  terminated: {
    reason: 'Completed',
    exitCode: 0,
    startedAt: '2026-11-24T10:00:20Z',
    finishedAt: '2026-11-24T10:00:21Z',
  },
}
export const running = { running: { startedAt } }

export function waiting(reason: string, message?: string): Json {
  return { waiting: { reason, ...(message === undefined ? {} : { message }) } }
}

export function terminated(exitCode: number, reason: string, message?: string, started = startedAt): Json {
  return {
    terminated: {
      exitCode,
      reason,
      ...(message === undefined ? {} : { message }),
      startedAt: started,
      finishedAt: '2026-11-24T10:05:00Z',
      containerID: 'containerd://1',
    },
  }
}

/** The termination message that the guard leaves: a line for people, one for programs. */
export function record(outcome: string, exit: number, line: string, more: Json = {}): string {
  const step = { number: 2, of: 3, name: 'test' }
  const fields = {
    outcome,
    exit,
    verdict: 'healthy',
    line,
    step,
    outputBytes: 1042,
    restarts: 0,
    time: '2026-11-24T10:05:00Z',
  }
  return `${line}, step 2/3 "test"\n${JSON.stringify({ ...fields, ...more })}\n`
}

export const success = record('exited', 0, 'exited with 0', { step: { number: 3, of: 3, name: 'pack' } })
export const interim = record('terminated', 143, 'told to stop by SIGTERM; the command had not ended yet')
export const toldToStop = record('terminated', 143, 'killed by SIGTERM after SIGTERM')

let events = 0

/** An event as the old recorder of the kubelet and the controllers writes it. */
export function event(about: 'Job' | 'Pod', reason: string, message: string, more: Json = {}): CoreV1Event {
  const time = `2026-11-24T10:00:${String(10 + (events++ % 50)).padStart(2, '0')}Z`
  const { container, ...fields } = more
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `web-1.${events.toString(16)}`, namespace: 'builds' },
    involvedObject: {
      kind: about,
      namespace: 'builds',
      name: about === 'Job' ? 'web-1' : 'web-1-x7k2p',
      uid: about === 'Job' ? 'job-uid' : 'pod-uid',
      ...(container === undefined ? {} : { fieldPath: String(container) }),
    },
    type: 'Warning',
    reason,
    message,
    count: 1,
    firstTimestamp: time,
    lastTimestamp: time,
    ...fields,
  } as unknown as CoreV1Event
}

/** Resets the clock of `event`: a case's events are a minute long at most. */
export function of(...list: (() => CoreV1Event)[]): CoreV1Event[] {
  events = 0
  return list.map((make) => make())
}

export const inBuild = 'spec.containers{build}'
export const inInstaller = 'spec.initContainers{shm-liveness-install}'

export function observed(shape: Partial<Observed> & { afterSeconds?: number } = {}): Observed {
  const { afterSeconds = 60, ...rest } = shape
  return {
    job: job(),
    events: [],
    ...{ now: at(afterSeconds), heardMs: afterSeconds * 1000 },
    since: { created: 0 },
    cancelled: false,
    ...rest,
  }
}

/** A pod that failed, by how its build container ended. */
export const ended = (build: Json, shape: PodShape = {}, more: Partial<Observed> = {}): Observed =>
  observed({ pod: pod({ phase: 'Failed', installer: installed, build, ...shape }), ...more })

export const disrupted = (reason: string, message: string) => ({
  conditions: [{ type: 'DisruptionTarget', status: 'True', reason, message }],
})

/** In seconds, just beyond a limit. */
export const over = (limitMs: number) => limitMs / 1000 + 1
