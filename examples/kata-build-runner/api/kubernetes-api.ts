import {
  AuthorizationV1Api,
  BatchV1Api,
  type ConfigurationOptions,
  CoreV1Api,
  type CoreV1Event,
  type KubeConfig,
  NodeV1Api,
  PatchStrategy,
  type V1Job,
  type V1Pod,
  type V1ResourceAttributes,
  type V1RuntimeClass,
  type V1Secret,
  type V1SubjectAccessReviewStatus,
  VersionApi,
  type VersionInfo,
} from '@kubernetes/client-node'
import type { Clock } from '../model/clock.js'
import { Agents } from './agents.js'
import type { BuildApi, DeleteOptions, LogOptions, MergePatch } from './build-api.js'
import type { Calls } from './calls.js'
import { type Feed, WatchFeed } from './feed.js'
import { feedSource } from './feed-source.js'
import type { FeedKind } from './objects.js'
import { allPages, type Page, type PageAsked, pageOf } from './pages.js'
import { jobOf, podOf, secretOf, seenEventOf } from './projection.js'
import { requestOptions } from './request-options.js'
import { openStream } from './stream.js'

/** `BuildApi` by client-node's typed clients; what streams goes its own way. */
export class KubernetesApi implements BuildApi {
  readonly #config: KubeConfig
  readonly #calls: Calls
  readonly #clock: Clock
  readonly #core: CoreV1Api
  readonly #batch: BatchV1Api
  readonly #agents = new Agents()
  readonly #feeds = new Map<string, Feed<V1Job | V1Pod>>()
  /** In front of every object's name. */
  readonly #there: { namespace: string }

  constructor(
    config: KubeConfig,
    calls: Calls,
    clock: Clock,
    readonly namespace: string,
  ) {
    this.#config = config
    this.#calls = calls
    this.#clock = clock
    this.#core = config.makeApiClient(CoreV1Api)
    this.#batch = config.makeApiClient(BatchV1Api)
    this.#there = { namespace }
  }

  async createJob(body: V1Job, { dryRun = false }: { dryRun?: boolean } = {}): Promise<V1Job> {
    const asked = { ...this.#there, body, ...(dryRun ? { dryRun: 'All' } : {}) }
    return await this.#calls.call(`create Job ${body.metadata?.name}`, async (signal) =>
      jobOf(await this.#batch.createNamespacedJob(asked, this.#options(signal))),
    )
  }

  async readJob(name: string): Promise<V1Job> {
    return await this.#calls.call(`read Job ${name}`, async (signal) =>
      jobOf(await this.#batch.readNamespacedJob({ ...this.#there, name }, this.#options(signal))),
    )
  }

  async patchJob(name: string, body: MergePatch): Promise<V1Job> {
    return await this.#calls.call(`change Job ${name}`, async (signal) =>
      jobOf(await this.#batch.patchNamespacedJob({ ...this.#there, name, body }, this.#patch(signal))),
    )
  }

  async deleteJob(
    name: string,
    { propagation, ...which }: DeleteOptions & { propagation: 'Background' | 'Foreground' },
  ): Promise<void> {
    const body = { propagationPolicy: propagation, ...preconditionsOf(which) }
    await this.#calls.call(`delete Job ${name}`, (signal) =>
      this.#batch.deleteNamespacedJob({ ...this.#there, name, body }, this.#options(signal)),
    )
  }

  async listJobs(labelSelector: string): Promise<V1Job[]> {
    return await this.#listed('list Jobs', jobOf, (page, signal) =>
      this.#batch.listNamespacedJob({ ...this.#there, labelSelector, ...page }, this.#options(signal)),
    )
  }

  async createSecret(body: V1Secret): Promise<V1Secret> {
    return await this.#calls.call(`create Secret ${body.metadata?.name}`, (signal) =>
      this.#core.createNamespacedSecret({ ...this.#there, body }, this.#options(signal)),
    )
  }

  async readSecret(name: string): Promise<V1Secret> {
    return await this.#calls.call(`read Secret ${name}`, (signal) =>
      this.#core.readNamespacedSecret({ ...this.#there, name }, this.#options(signal)),
    )
  }

  async patchSecret(name: string, body: MergePatch): Promise<V1Secret> {
    return await this.#calls.call(`change Secret ${name}`, (signal) =>
      this.#core.patchNamespacedSecret({ ...this.#there, name, body }, this.#patch(signal)),
    )
  }

  async deleteSecret(name: string, which: DeleteOptions = {}): Promise<void> {
    const body = preconditionsOf(which)
    await this.#calls.call(`delete Secret ${name}`, (signal) =>
      this.#core.deleteNamespacedSecret({ ...this.#there, name, body }, this.#options(signal)),
    )
  }

  async listSecrets(labelSelector: string): Promise<V1Secret[]> {
    return await this.#listed('list Secrets', secretOf, (page, signal) =>
      this.#core.listNamespacedSecret({ ...this.#there, labelSelector, ...page }, this.#options(signal)),
    )
  }

  async patchPod(name: string, body: MergePatch): Promise<V1Pod> {
    return await this.#calls.call(`change pod ${name}`, (signal) =>
      this.#core.patchNamespacedPod({ ...this.#there, name, body }, this.#patch(signal)),
    )
  }

  async deletePod(name: string, which: DeleteOptions = {}): Promise<void> {
    const body = preconditionsOf(which)
    await this.#calls.call(`delete pod ${name}`, (signal) =>
      this.#core.deleteNamespacedPod({ ...this.#there, name, body }, this.#options(signal)),
    )
  }

  async listPods(labelSelector: string): Promise<V1Pod[]> {
    return await this.#listed('list pods', podOf, (page, signal) =>
      this.#core.listNamespacedPod({ ...this.#there, labelSelector, ...page }, this.#options(signal)),
    )
  }

  async listEvents(involvedName: string): Promise<CoreV1Event[]> {
    const fieldSelector = `involvedObject.name=${involvedName}`
    return await this.#listed(`list events of ${involvedName}`, seenEventOf, (page, signal) =>
      this.#core.listNamespacedEvent({ ...this.#there, fieldSelector, ...page }, this.#options(signal)),
    )
  }

  async readRuntimeClass(name: string): Promise<V1RuntimeClass> {
    const api = this.#config.makeApiClient(NodeV1Api)
    return await this.#calls.call(`read RuntimeClass ${name}`, (signal) =>
      api.readRuntimeClass({ name }, this.#options(signal)),
    )
  }

  async selfSubjectAccessReview(resourceAttributes: V1ResourceAttributes): Promise<V1SubjectAccessReviewStatus> {
    const api = this.#config.makeApiClient(AuthorizationV1Api)
    const review = await this.#calls.call('ask for its own rights', (signal) =>
      api.createSelfSubjectAccessReview({ body: { spec: { resourceAttributes } } }, this.#options(signal)),
    )
    return review.status ?? { allowed: false }
  }

  async version(): Promise<VersionInfo> {
    const api = this.#config.makeApiClient(VersionApi)
    return await this.#calls.call('ask for its version', (signal) => api.getCode({}, this.#options(signal)))
  }

  feed<T extends V1Job | V1Pod>(kind: FeedKind, selector: string): Feed<T> {
    const key = `${kind} ${selector}`
    let feed = this.#feeds.get(key)
    if (feed === undefined) {
      feed = new WatchFeed(
        feedSource(this.#config, this.#calls, this.#agents, this.#clock, { kind, selector, namespace: this.namespace }),
        { clock: this.#clock },
      )
      this.#feeds.set(key, feed)
    }
    return feed as Feed<V1Job | V1Pod> as Feed<T>
  }

  async openLog(pod: string, container: string, { sinceTime, signal }: LogOptions): Promise<AsyncIterable<Uint8Array>> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/${encodeURIComponent(pod)}/log`
    const query = { container, follow: 'true', timestamps: 'true', ...(sinceTime === undefined ? {} : { sinceTime }) }
    return await this.#calls.open(`log of pod ${pod}`, () =>
      openStream(this.#config, this.#agents, path, { query, signal, clock: this.#clock }),
    )
  }

  #options(signal: AbortSignal): ConfigurationOptions {
    return requestOptions(this.#agents, signal)
  }

  #patch(signal: AbortSignal): ConfigurationOptions {
    return requestOptions(this.#agents, signal, PatchStrategy.MergePatch)
  }

  async #listed<T>(
    what: string,
    of: (item: unknown) => T,
    ask: (page: PageAsked, signal: AbortSignal) => Promise<Page<unknown>>,
  ): Promise<T[]> {
    const { items } = await allPages((page) =>
      this.#calls.call(what, async (signal) => pageOf(await ask(page, signal), of)),
    )
    return items
  }
}

function preconditionsOf({ uid, resourceVersion }: DeleteOptions) {
  const preconditions = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  }
  return Object.keys(preconditions).length === 0 ? {} : { preconditions }
}
