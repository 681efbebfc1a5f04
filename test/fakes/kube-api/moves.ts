import { imageIdOf } from './container-status.js'
import { type Move, play, type Script } from './kubelet.js'
import { type ContainerEnd, LifeOver, type PodLife } from './pod-life.js'

/** Milliseconds, not scaled. */
export const wait =
  (ms: number): Move =>
  (life) =>
    life.sleep(ms)

/** Goes on when a test says so. */
export const waitsFor =
  (event: Promise<unknown>): Move =>
  (life) =>
    new Promise<void>((resolve, reject) => {
      life.over.addEventListener('abort', () => reject(life.over.reason), { once: true })
      event.then(() => resolve(), reject)
    })

/** Runs a script beside the rest, which does not wait for it. */
export const alongside =
  (...script: Script): Move =>
  (life) => {
    play(script, life).catch((error: unknown) => {
      if (!(error instanceof LifeOver)) life.kubelet.report(error as Error)
    })
  }

/** Bound to a node, whose kubelet says so. */
export const scheduled =
  (node = 'node-1'): Move =>
  (life) => {
    life.setSpec({ nodeName: node })
    life.setCondition({ type: 'PodScheduled', status: 'True' })
    const { namespace, name } = life.pod.metadata
    const message = `Successfully assigned ${namespace}/${name} to ${node}`
    life.kubelet.recorder.recordSeries(life.pod, { reason: 'Scheduled', message }, 'default-scheduler', 'Binding')
    life.admitted()
  }

const buildContainer = (life: PodLife, name?: string) => name ?? life.pod.spec.containers[0]!.name

export interface PullOptions {
  /** @default the first of the pod's own */
  container?: string
  /** The node has it. @default false */
  cached?: boolean
  /** @default 0 */
  tookMs?: number
}

export const pulled =
  ({ container, cached = false, tookMs = 0 }: PullOptions = {}): Move =>
  async (life) => {
    const name = buildContainer(life, container)
    const { image } = life.container(name)
    if (cached) {
      const message = `Container image "${image}" already present on machine`
      life.containerEvent(name, { reason: 'Pulled', message })
      return
    }
    life.containerEvent(name, { reason: 'Pulling', message: `Pulling image "${image}"` })
    await life.sleep(tookMs)
    const took = tookMs < 1000 ? `${tookMs}ms` : `${tookMs / 1000}s`
    const message = `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: 104857600 bytes.`
    life.containerEvent(name, { reason: 'Pulled', message })
    life.setContainer(name, { imageID: imageIdOf(image) })
  }

export interface InitOptions {
  cached?: boolean
  /** Of each, in ms. @default 0 */
  tookMs?: number
}

/** All init containers: those that run through do, sidecars start and stay. */
export const initialized =
  ({ cached = true, tookMs = 0 }: InitOptions = {}): Move =>
  async (life) => {
    const inits = life.pod.spec.initContainers ?? []
    for (const { name, restartPolicy } of inits) {
      await pulled({ container: name, cached })(life)
      life.starts(name)
      await life.sleep(tookMs)
      if (restartPolicy !== 'Always') life.ends(name, { exitCode: 0 })
    }
    life.setCondition({ type: 'PodReadyToStartContainers', status: 'True' }, { type: 'Initialized', status: 'True' })
    if (inits.length > 0) for (const { name } of life.pod.spec.containers) life.waits(name, 'PodInitializing')
  }

/** The pod's own containers run. */
export const started: Move = (life) => {
  for (const { name } of life.pod.spec.containers) life.starts(name)
  const ready = (type: string) => ({ type, status: 'True' }) as const
  life.setStatus((status) => ({ ...status, phase: 'Running', podIP: '10.1.0.7' }))
  life.setCondition(ready('PodReadyToStartContainers'), ready('Ready'), ready('ContainersReady'))
}

export const prints =
  (text: Buffer | string, container?: string): Move =>
  (life) =>
    life.log(buildContainer(life, container)).write(text)

/**
 * The kubelet puts the log aside: what it held is lost to the API. `last` is written just before, so that a follow that
 * skips (LogSettings) has not read it.
 */
export const rotatesLog =
  (last = ''): Move =>
  (life) => {
    const log = life.log(buildContainer(life))
    log.write(last)
    log.rotate()
  }

/** The log's file is gone from the node; what the API then sends says so, under status 200. */
export const losesLog: Move = (life) => {
  life.log(buildContainer(life)).isRemoved = true
}

/** The build container's end by itself, and the pod's with it. */
export const ends =
  (end: ContainerEnd): Move =>
  async (life) => {
    life.ends(buildContainer(life), end)
    for (const { name } of life.pod.spec.containers) if (life.isRunning(name)) life.ends(name, { exitCode: 0 })
    await life.completes()
  }

/** Nothing more happens until somebody ends it. */
export const hangs: Move = (life) => life.sleep(2 ** 30)

export interface BootOptions {
  node?: string
  /** The build's image is on the node. @default false */
  cached?: boolean
  pullMs?: number
  initMs?: number
}

/** From nothing to a running build container. */
export const boots = ({ node, cached = false, pullMs = 0, initMs = 0 }: BootOptions = {}): Script => [
  scheduled(node),
  initialized({ tookMs: initMs }),
  pulled({ cached, tookMs: pullMs }),
  started,
]
