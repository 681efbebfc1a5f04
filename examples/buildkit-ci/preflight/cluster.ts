import {
  AppsV1Api,
  AuthorizationV1Api,
  CoreV1Api,
  type KubeConfig,
  NodeV1Api,
  StorageV1Api,
  type V1DaemonSet,
  type V1Namespace,
  type V1ResourceAttributes,
  type V1RuntimeClass,
  type V1Secret,
  type V1StorageClass,
  VersionApi,
  type VersionInfo,
} from '@kubernetes/client-node'
import { Agents } from '../../kata-build-runner/api/agents.js'
import { Calls, makeBreaker } from '../../kata-build-runner/api/calls.js'
import { type Environment, kubeConfigOf } from '../../kata-build-runner/api/kube-config.js'
import { requestOptions } from '../../kata-build-runner/api/request-options.js'
import type { Clock } from '../../kata-build-runner/model/clock.js'

/** What preflight asks of a cluster. It changes nothing. */
export interface Cluster {
  version(): Promise<VersionInfo>
  namespace(name: string): Promise<V1Namespace>
  storageClasses(): Promise<V1StorageClass[]>
  runtimeClass(name: string): Promise<V1RuntimeClass>
  secret(name: string, namespace: string): Promise<V1Secret>
  daemonSet(name: string, namespace: string): Promise<V1DaemonSet>
  mayI(what: V1ResourceAttributes): Promise<boolean>
}

const callTimeoutMs = 10_000
const retryDelayMs = 1000
const maxAttempts = 3

/** @throws RunnerError `CONNECTION`, if there is no usable kubeconfig */
export function connect(environment: Environment, clock: Clock): Cluster {
  return new KubernetesCluster(kubeConfigOf(undefined, environment), clock)
}

class KubernetesCluster implements Cluster {
  readonly #config: KubeConfig
  readonly #calls: Calls
  readonly #agents = new Agents()
  readonly #core: CoreV1Api

  constructor(config: KubeConfig, clock: Clock) {
    this.#config = config
    this.#core = config.makeApiClient(CoreV1Api)
    const { server } = config.getCurrentCluster()!
    this.#calls = new Calls({
      ...{ server, clock, breaker: makeBreaker(clock), timeoutMs: callTimeoutMs, retryDelayMs, maxAttempts },
    })
  }

  async version(): Promise<VersionInfo> {
    const api = this.#config.makeApiClient(VersionApi)
    return await this.#ask('ask for its version', (options) => api.getCode({}, options))
  }

  async namespace(name: string): Promise<V1Namespace> {
    return await this.#ask(`read Namespace ${name}`, (options) => this.#core.readNamespace({ name }, options))
  }

  async storageClasses(): Promise<V1StorageClass[]> {
    const api = this.#config.makeApiClient(StorageV1Api)
    return (await this.#ask('list StorageClasses', (options) => api.listStorageClass({}, options))).items
  }

  async runtimeClass(name: string): Promise<V1RuntimeClass> {
    const api = this.#config.makeApiClient(NodeV1Api)
    return await this.#ask(`read RuntimeClass ${name}`, (options) => api.readRuntimeClass({ name }, options))
  }

  async secret(name: string, namespace: string): Promise<V1Secret> {
    return await this.#ask(`read Secret ${name}`, (options) =>
      this.#core.readNamespacedSecret({ name, namespace }, options),
    )
  }

  async daemonSet(name: string, namespace: string): Promise<V1DaemonSet> {
    const api = this.#config.makeApiClient(AppsV1Api)
    return await this.#ask(`read DaemonSet ${name}`, (options) =>
      api.readNamespacedDaemonSet({ name, namespace }, options),
    )
  }

  async mayI(resourceAttributes: V1ResourceAttributes): Promise<boolean> {
    const api = this.#config.makeApiClient(AuthorizationV1Api)
    const review = await this.#ask('ask for its own rights', (options) =>
      api.createSelfSubjectAccessReview({ body: { spec: { resourceAttributes } } }, options),
    )
    return review.status?.allowed ?? false
  }

  async #ask<T>(what: string, ask: (options: ReturnType<typeof requestOptions>) => Promise<T>): Promise<T> {
    return await this.#calls.call(what, (signal) => ask(requestOptions(this.#agents, signal)))
  }
}
