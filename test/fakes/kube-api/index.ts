import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../../examples/kata-build-runner/model/clock.js'
import { Admission, type Objection } from './admission.js'
import { Authorization } from './authorization.js'
import { type Certificates, makeCertificates, sharedCertificates } from './certificates.js'
import type { ContainerLog, LogSettings } from './container-log.js'
import { withDefaults } from './defaults.js'
import { EventRecorder } from './event-recorder.js'
import { Faults } from './faults.js'
import { GarbageCollector } from './garbage-collector.js'
import { guardRuns } from './guard-run.js'
import { JobController } from './job-controller.js'
import { type KubeconfigOptions, writeKubeconfig } from './kubeconfig.js'
import { Kubelet, type Script } from './kubelet.js'
import { boots } from './moves.js'
import type { Job, KubeObject, Metadata, Pod } from './objects.js'
import { jobs, pods, type Resource, resources } from './resources.js'
import { Rest } from './rest.js'
import { ApiServer, type SeenRequest } from './server.js'
import { type NewObject, Store } from './store.js'
import { Watches } from './watch.js'

export { deniedByWebhook, exceededQuota, type Objection, violatesPodSecurity, webhookUnreachable } from './admission.js'
export type { Fault } from './faults.js'
export { type GuardRun, guardRuns, type StepScript } from './guard-run.js'
export type { Move, Script } from './kubelet.js'
export * from './misfortunes.js'
export * from './moves.js'
export type { Job, KubeObject, Pod } from './objects.js'
export type { PodLife } from './pod-life.js'

export interface FakeKubeApiOptions {
  /** @default 'builds' */
  namespace?: string
  /** What everything waits by. Timestamps of objects are of the system's clock. @default the system's */
  clock?: Clock
  /** How long a second of a deadline, a TTL or a grace lasts, in ms. Watches and Retry-After are not scaled. @default 1000 */
  secondMs?: number
  /** @default 60_000, the real one's */
  bookmarkMs?: number
  /** Changes that a watch can be resumed within. @default 10_000 */
  historySize?: number
  log?: Partial<LogSettings>
  /** An authority that no other server of this process has. @default false */
  ownAuthority?: boolean
}

type GivenMetadata = Partial<Metadata> & { name: string }

/**
 * An API server with its controllers, a scheduler and a kubelet, in this process, over TLS.
 *
 * It is less than the real one in this: one version of each kind, HTTP/1.1 only, no server-side apply, strategic merge
 * patches that replace lists, Jobs of one pod at a time without podFailurePolicy, containers that are never restarted,
 * no `previous` logs, no exec, refusals of unknown fields only for Jobs (by their published schema), RBAC as a list of
 * what is denied.
 */
export class FakeKubeApi {
  readonly namespace: string
  readonly #clock: Clock
  readonly faults = new Faults()
  readonly authorization = new Authorization()
  readonly #folder = mkdtempSync(join(tmpdir(), 'fake-kube-api-'))
  readonly #store: Store
  readonly #admission: Admission
  readonly #watches: Watches
  readonly #rest: Rest
  readonly #kubelet: Kubelet
  readonly #controllers: { stop(): void }[]
  readonly #scripts: { name: RegExp; scripts: Script[] }[] = []
  readonly #problems: Error[] = []
  #certificates!: Certificates
  #server!: ApiServer
  #kubeconfigs = 0
  readonly token = 'fake-token'
  /** The path of a kubeconfig file that is right. */
  kubeconfig = ''

  private constructor(options: FakeKubeApiOptions) {
    const { namespace = 'builds', secondMs = 1000, bookmarkMs = 60_000, historySize = 10_000 } = options
    const { clock = systemClock } = options
    this.#clock = clock
    this.namespace = namespace
    this.#store = new Store(historySize)
    this.#admission = new Admission(this.#store)
    this.#watches = new Watches(this.#store, clock, bookmarkMs)
    this.#rest = new Rest(this.#store, this.#admission, this.#watches)
    const recorder = new EventRecorder(this.#store)
    const parts = { store: this.#store, recorder, clock, secondMs }
    this.#kubelet = new Kubelet({
      ...parts,
      logSettings: { rotateAtBytes: 10 * 1024 * 1024, followSkips: false, lineNs: 1000, ...options.log },
      scriptOf: (jobName) => this.#scriptOf(jobName),
      onProblem: (problem) => this.#problems.push(problem),
    })
    const jobController = new JobController({ ...parts, admission: this.#admission })
    this.#controllers = [this.#kubelet, jobController, new GarbageCollector(this.#store)]
    for (const name of new Set(['default', namespace])) this.add('namespaces', { metadata: { name } })
  }

  static async start(options: FakeKubeApiOptions = {}): Promise<FakeKubeApi> {
    const api = new FakeKubeApi(options)
    api.#certificates = await (options.ownAuthority === true ? makeCertificates() : sharedCertificates())
    api.#server = await ApiServer.start({
      ...{ certificates: api.#certificates, token: api.token, faults: api.faults, authorization: api.authorization },
      ...{ store: api.#store, rest: api.#rest, kubelet: api.#kubelet, clock: api.#clock },
      onProblem: (problem) => api.#problems.push(problem),
    })
    api.kubeconfig = api.writeKubeconfig()
    return api
  }

  /** @throws AggregateError of what scenarios threw: a scenario that cannot be carried out is a test's mistake */
  async stop(): Promise<void> {
    for (const controller of this.#controllers) controller.stop()
    await this.#server.stop()
    rmSync(this.#folder, { recursive: true, force: true })
    if (this.#problems.length > 0) throw new AggregateError(this.#problems, this.#problems.map(String).join('; '))
  }

  get url(): string {
    return this.#server.url
  }
  /** The authority, as PEM. */
  get ca(): string {
    return this.#certificates.ca
  }
  get requests(): readonly SeenRequest[] {
    return this.#server.seen
  }
  /** Watches that are open. */
  get watchCount(): number {
    return this.#watches.count
  }

  /** Another kubeconfig, wrong where `change` says so. @returns its path */
  writeKubeconfig(change: Partial<KubeconfigOptions> = {}): string {
    const right = { server: this.url, ca: this.ca, token: this.token, namespace: this.namespace }
    return writeKubeconfig(join(this.#folder, `kubeconfig-${++this.#kubeconfigs}.yaml`), { ...right, ...change })
  }

  /**
   * What happens to the pod of each Job with this name (whole, or as a pattern). Of several the last set goes first.
   * Several scripts are for one pod each, one after the other, and the last for all further ones. Without any a pod boots
   * and its guard succeeds.
   */
  scenario(job: string | RegExp, ...scripts: Script[]): void {
    const name = typeof job === 'string' ? new RegExp(`^${job.replaceAll(/[.-]/g, '\\$&')}$`) : job
    this.#scripts.unshift({ name, scripts })
  }
  #scriptOf(jobName: string): Script {
    const scripts = this.#scripts.find(({ name }) => name.test(jobName))?.scripts ?? [[boots(), guardRuns()]]
    return scripts.length > 1 ? scripts.shift()! : (scripts[0] ?? [])
  }

  /** Creates of this kind are refused (by admission) until the returned function is called. */
  refuse(kind: 'pods' | 'jobs' | 'secrets', name: RegExp, objection: Objection): () => void {
    return this.#admission.refuse(kind, name, objection)
  }

  /**
   * Puts an object there, past admission: RuntimeClasses, Nodes, what others left behind. Unlike a client it may say when
   * that was made (`creationTimestamp`) and what its status is.
   */
  add(plural: string, object: { metadata: GivenMetadata; [field: string]: unknown }): KubeObject {
    const resource = resourceOf(plural)
    const namespace = resource.namespaced ? (object.metadata.namespace ?? this.namespace) : undefined
    const made = withDefaults(resource, namespace, object as NewObject)
    const { creationTimestamp } = object.metadata
    const metadata = { ...made.metadata, ...(creationTimestamp === undefined ? {} : { creationTimestamp }) }
    const status = object['status'] ?? made['status']
    return this.#store.add(resource, { ...made, metadata, ...(status === undefined ? {} : { status }) })
  }
  find<T extends KubeObject>(plural: string, name: string, namespace = this.namespace): T | undefined {
    return this.#store.find<T>(resourceOf(plural), namespace, name)
  }
  list<T extends KubeObject>(plural: string): T[] {
    return this.#store.list<T>(resourceOf(plural))
  }
  /** Changes an object as somebody else would: Kueue that unsuspends, an administrator. */
  change<T extends KubeObject>(plural: string, name: string, change: (object: T) => T): T {
    const resource = resourceOf(plural)
    return this.#store.update<T>(resource, this.#store.get<T>(resource, this.namespace, name).metadata, change)
  }
  job(name: string): Job | undefined {
    return this.#store.find<Job>(jobs, this.namespace, name)
  }
  /** The pods that a Job has now. */
  podsOf(job: string): Pod[] {
    return this.#store.list<Pod>(pods, this.namespace).filter(({ metadata }) => metadata.labels?.['job-name'] === job)
  }
  /** What the API can still send of it, and what it was. */
  logOf(pod: Pod, container = 'build'): ContainerLog {
    return this.#kubelet.logOf(pod.metadata.uid, container)
  }

  /** Calls it at each deletion by a client that was carried out, before anything comes of it. */
  onDelete(listener: (plural: string, object: KubeObject) => void): void {
    this.#rest.onDelete = ({ plural }, object) => listener(plural, object)
  }

  /** Forgets all history: watches from before it get 410, and so do lists in pieces. */
  compact(): void {
    this.#store.compact()
    this.#rest.forgetPieces()
  }
  /** Ends all watches in an orderly way. */
  endWatches(): void {
    this.#watches.endAll()
  }
  /** Breaks all connections, as a load balancer that goes down. */
  dropConnections(): void {
    this.#server.dropConnections()
  }
}

function resourceOf(plural: string): Resource {
  const found = resources.find((each) => each.plural === plural)
  if (found === undefined) throw new Error(`the fake API server has no ${plural}`)
  return found
}
