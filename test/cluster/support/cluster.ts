/** A real cluster, through a few calls that explain themselves when they fail. */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { delimiter } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  BatchV1Api,
  CoreV1Api,
  type CoreV1Event,
  KubeConfig,
  NodeV1Api,
  type V1Pod,
  VersionApi,
} from '@kubernetes/client-node'
import { explained, statusOf } from './api-error.js'
import { describePod, hopelessness, statusesOf, summaryOf } from './describe-pod.js'

/** On every namespace that is made, so that whatever a killed run left can be found and deleted. */
const ownerLabel = 'app.kubernetes.io/managed-by'
const owner = 'shm-liveness-tests'
const runLabel = 'shm-liveness-tests/run'

const pollMs = 500

export class Cluster {
  readonly core: CoreV1Api
  readonly batch: BatchV1Api
  readonly #config: KubeConfig

  /** @param run tells the namespaces of this run from those of others */
  constructor(
    config: KubeConfig,
    readonly run: string,
  ) {
    this.#config = config
    this.core = config.makeApiClient(CoreV1Api)
    this.batch = config.makeApiClient(BatchV1Api)
  }

  /** By what the KUBECONFIG names as its current context. */
  static connect(kubeconfig: string, run: string): Cluster {
    const config = new KubeConfig()
    try {
      // A list of files, as kubectl takes it.
      const [first = '', ...others] = kubeconfig.split(delimiter).filter((file) => file !== '')
      config.loadFromFile(first)
      for (const file of others) {
        const other = new KubeConfig()
        other.loadFromFile(file)
        config.mergeConfig(other)
      }
    } catch (error) {
      throw new Error(`KUBECONFIG=${kubeconfig} cannot be read: ${explained(error)}`, { cause: error })
    }
    if (config.getCurrentCluster() === null) {
      throw new Error(`KUBECONFIG=${kubeconfig}: the context "${config.getCurrentContext()}" names no cluster`)
    }
    return new Cluster(config, run)
  }

  get server(): string {
    return this.#config.getCurrentCluster()?.server ?? ''
  }

  async version(): Promise<string> {
    return (await retried(() => this.#config.makeApiClient(VersionApi).getCode())).gitVersion
  }

  async requireRuntimeClass(name: string): Promise<void> {
    await retried(() => this.#config.makeApiClient(NodeV1Api).readRuntimeClass({ name }))
  }

  async createNamespace(name: string): Promise<Namespace> {
    const labels = {
      [ownerLabel]: owner,
      [runLabel]: this.run,
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/enforce-version': 'latest',
    }
    await retried(() => this.core.createNamespace({ body: { metadata: { name, labels } } }))
    return new Namespace(this, name)
  }

  /** Deletes all namespaces of this run, and gives their names. Deletion goes on in the cluster. */
  async deleteNamespaces(): Promise<string[]> {
    const { items } = await retried(() => this.core.listNamespace({ labelSelector: `${runLabel}=${this.run}` }))
    const names = items.map(({ metadata }) => metadata?.name ?? '')
    for (const name of names) {
      await retried(() => this.core.deleteNamespace({ name })).catch((error) => {
        if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error // 409: it is being deleted
      })
    }
    return names
  }

  /** A path of the API server that the client has no call for. */
  async get(path: string): Promise<unknown> {
    const url = new URL(this.server.replace(/\/+$/, '') + path)
    const options: RequestOptions = { headers: { accept: 'application/json' } }
    await this.#config.applyToHTTPSOptions(options)
    const request = url.protocol === 'http:' ? httpRequest : httpsRequest
    return new Promise((resolve, reject) => {
      const sent = request(url, { ...options, timeout: 15_000 }, (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (data) => (text += data))
        answer.on('error', reject)
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(JSON.parse(text))
          else reject(new Error(`GET ${path}: HTTP ${answer.statusCode}: ${text.slice(0, 500)}`))
        })
      })
      sent.on('timeout', () => sent.destroy(new Error(`GET ${path}: no answer within 15 s`)))
      sent.on('error', reject)
      sent.end()
    })
  }
}

export class Namespace {
  constructor(
    readonly cluster: Cluster,
    readonly name: string,
  ) {}

  get #core(): CoreV1Api {
    return this.cluster.core
  }

  /** Creates a pod, and gives its name. Waits for the namespace's service account, without which none is admitted. */
  async create(pod: V1Pod): Promise<string> {
    const deadline = performance.now() + 30_000
    for (;;) {
      try {
        await retried(() => this.#core.createNamespacedPod({ namespace: this.name, body: pod }))
        return pod.metadata?.name ?? ''
      } catch (error) {
        const isEarly = statusOf(error) === 403 && /serviceaccount .*not found/.test(explained(error))
        if (!isEarly || performance.now() > deadline) {
          throw new Error(`pod "${pod.metadata?.name}" was not admitted: ${explained(error)}`, { cause: error })
        }
        await sleep(pollMs)
      }
    }
  }

  read(name: string): Promise<V1Pod> {
    return retried(() => this.#core.readNamespacedPod({ namespace: this.name, name }))
  }

  /** Oldest first. */
  async events(pod: string): Promise<CoreV1Event[]> {
    const fieldSelector = `involvedObject.name=${pod}`
    const { items } = await retried(() => this.#core.listNamespacedEvent({ namespace: this.name, fieldSelector }))
    const timeOf = ({ lastTimestamp, eventTime }: CoreV1Event) => new Date(lastTimestamp ?? eventTime ?? 0).getTime()
    return items.sort((a, b) => timeOf(a) - timeOf(b))
  }

  /**
   * What a container printed; empty, if it has not run (so often), or the kubelet is just now between two runs: then it
   * answers 400, 404 or 500.
   */
  async log(pod: string, container: string, previous = false): Promise<string> {
    try {
      return (await this.#core.readNamespacedPodLog({ namespace: this.name, name: pod, container, previous })) ?? ''
    } catch (error) {
      const status = statusOf(error)
      if (status === undefined || status === 401 || status === 403) throw error
      return ''
    }
  }

  /**
   * Asks until there is an answer, and gives it.
   *
   * @param what is waited for, as a part of a sentence
   * @param ask of the pod as it is now; undefined: not yet
   * @throws Error that tells the state of the pod, if it takes too long or there is no hope
   */
  async waitFor<Answer>(
    pod: string,
    what: string,
    ask: (pod: V1Pod) => Answer | undefined | Promise<Answer | undefined>,
    withinSeconds: number,
  ): Promise<Answer> {
    const began = performance.now()
    for (;;) {
      const now = await this.read(pod)
      const answer = await ask(now)
      if (answer !== undefined) return answer
      const reason = hopelessness(now)
      if (reason !== undefined) throw new Error(`pod "${pod}" will never come to ${what}: ${reason}`)
      if (performance.now() - began > withinSeconds * 1000) {
        throw new Error(`pod "${pod}": no ${what} within ${withinSeconds} s. It is:\n${summaryOf(now)}`)
      }
      await sleep(pollMs)
    }
  }

  /** All pods with events and logs, as text for a person. */
  async story(): Promise<string> {
    const { items } = await retried(() => this.#core.listNamespacedPod({ namespace: this.name }))
    const stories = await Promise.all(
      items.map(async (pod) => {
        const name = pod.metadata?.name ?? ''
        const logs = new Map<string, string>()
        for (const status of statusesOf(pod)) {
          if (status.restartCount > 0) {
            logs.set(`${status.name}, the run before`, await this.log(name, status.name, true))
          }
          logs.set(status.name, await this.log(name, status.name))
        }
        return describePod({ pod, events: await this.events(name), logs })
      }),
    )
    return stories.length === 0 ? `no pod in namespace ${this.name}` : stories.join('\n')
  }

  /** Deletes all pods, and waits until they are gone: they hold what the next test needs. */
  async clear(withinSeconds: number): Promise<void> {
    const namespace = this.name
    await retried(() => this.#core.deleteCollectionNamespacedPod({ namespace, gracePeriodSeconds: 1 }))
    const deadline = performance.now() + withinSeconds * 1000
    for (;;) {
      const { items } = await retried(() => this.#core.listNamespacedPod({ namespace }))
      if (items.length === 0) return
      if (performance.now() > deadline) {
        const names = items.map(({ metadata }) => metadata?.name).join(', ')
        console.error(`namespace ${namespace}: still there ${withinSeconds} s after they were deleted: ${names}`)
        return
      }
      await sleep(pollMs)
    }
  }
}

const retryPausesMs = [500, 2000, 5000]

/** An API server that restarts, or asks for patience, is asked again; any other refusal is one. */
export async function retried<Answer>(call: () => Promise<Answer>, pausesMs = retryPausesMs): Promise<Answer> {
  for (const pauseMs of pausesMs) {
    try {
      return await call()
    } catch (error) {
      const status = statusOf(error)
      if (status !== undefined && status !== 429 && status < 500) throw error
      await sleep(pauseMs)
    }
  }
  return call()
}
