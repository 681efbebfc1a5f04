import { BatchV1Api, CoreV1Api, KubeConfig, type V1Job, Watch } from '@kubernetes/client-node'
import { afterEach } from 'vitest'
import { SimulatedClock } from '../support/simulated-clock.js'
import { FakeKubeApi, type FakeKubeApiOptions } from './kube-api/index.js'

const running: FakeKubeApi[] = []
let clock = new SimulatedClock()
afterEach(async () => {
  for (const api of running.splice(0)) await api.stop()
  clock = new SimulatedClock()
})

/** The clock of the test that runs, by which all of its servers wait. */
export const testClock = (): SimulatedClock => clock

/** Lets time pass until a state. */
export const until: SimulatedClock['until'] = (what, look) => clock.until(what, look)

/** Lets time pass until work has ended. */
export const ending: SimulatedClock['ending'] = (work) => clock.ending(work)

export const namespace = 'builds'

export interface Client {
  api: FakeKubeApi
  config: KubeConfig
  core: CoreV1Api
  batch: BatchV1Api
}

export function configOf(path: string): KubeConfig {
  const config = new KubeConfig()
  config.loadFromFile(path)
  return config
}

/** A fake API server, stopped after the test, and client-node's own clients of it. */
export async function start(options: FakeKubeApiOptions = {}): Promise<Client> {
  const api = await FakeKubeApi.start({ clock, ...options })
  running.push(api)
  const config = configOf(api.kubeconfig)
  return { api, config, core: config.makeApiClient(CoreV1Api), batch: config.makeApiClient(BatchV1Api) }
}

export interface JobOptions {
  suspend?: boolean
  runtimeClassName?: string
  activeDeadlineSeconds?: number
  podDeadlineSeconds?: number
  ttlSecondsAfterFinished?: number
  graceSeconds?: number
  secretName?: string
}

export const jobOf = (name: string, options: JobOptions = {}): V1Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, labels: { app: 'screwdriver', sdbuild: name } },
  spec: {
    backoffLimit: 0,
    suspend: options.suspend ?? false,
    ...pick(options, 'activeDeadlineSeconds', 'ttlSecondsAfterFinished'),
    template: {
      metadata: { labels: { app: 'screwdriver', sdbuild: name } },
      spec: {
        restartPolicy: 'Never',
        ...pick(options, 'runtimeClassName'),
        ...(options.podDeadlineSeconds === undefined ? {} : { activeDeadlineSeconds: options.podDeadlineSeconds }),
        ...(options.graceSeconds === undefined ? {} : { terminationGracePeriodSeconds: options.graceSeconds }),
        ...(options.secretName === undefined
          ? {}
          : { volumes: [{ name: 'steps', secret: { secretName: options.secretName } }] }),
        initContainers: [
          { name: 'install', image: 'shm-liveness:1' },
          { name: 'docker', image: 'docker:dind', restartPolicy: 'Always' },
        ],
        containers: [
          {
            name: 'build',
            image: 'node:20',
            command: ['/shm-liveness/shm-guard', '--steps', '/shm-liveness-build/steps.json', '--nonce', 'abc'],
          },
        ],
      },
    },
  },
})

function pick<T extends object, K extends keyof T>(from: T, ...keys: K[]): Partial<Pick<T, K>> {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]])) as Partial<
    Pick<T, K>
  >
}

export const create = ({ batch }: Client, name: string, options?: JobOptions) =>
  batch.createNamespacedJob({ namespace, body: jobOf(name, options) })

export interface Seen {
  type: string
  name: string
  version: string
  object: { code?: number; message?: string; status?: { phase?: string } }
}

export interface Watching {
  seen: Seen[]
  /** Settles when the stream is over: what client-node's `done` was given. */
  done: Promise<unknown>
  abort(): void
}

/** client-node's own watch. */
export async function watch(
  config: KubeConfig,
  path: string,
  query: Record<string, string | number | boolean>,
): Promise<Watching> {
  const seen: Seen[] = []
  let finish!: (error: unknown) => void
  const done = new Promise<unknown>((resolve) => (finish = resolve))
  const controller = await new Watch(config).watch(
    path,
    query,
    (type, object) =>
      seen.push({ type, name: object.metadata?.name, version: object.metadata?.resourceVersion, object }),
    finish,
  )
  return { seen, done, abort: () => controller.abort() }
}

/** A promise that the test settles. */
export function gate(): { opened: Promise<void>; open(): void } {
  let open!: () => void
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}
