import type { V1Job, V1Pod } from '@kubernetes/client-node'
import type { BuildApi } from '../api/build-api.js'
import type { Change, Feed } from '../api/feed.js'
import type { RunnerMetrics } from '../metrics/runner-metrics.js'

export interface FleetListener {
  job(change: Change<V1Job>): void
  pod(change: Change<V1Pod>): void
}

/** The builds of one namespace, seen through two feeds that all of them share: hundreds cost two watches. */
export class Fleet {
  readonly #jobs: Feed<V1Job>
  readonly #pods: Feed<V1Pod>
  readonly #listeners = new Map<string, Set<FleetListener>>()
  readonly #unsubscribe: (() => void)[]

  /**
   * @param selector of labels: `buildSelector`, or `anyBuildSelector`
   * @param metrics of all builds that are followed through it
   */
  constructor(
    api: BuildApi,
    selector: string,
    readonly metrics?: RunnerMetrics,
  ) {
    this.#jobs = api.feed<V1Job>('jobs', selector)
    this.#pods = api.feed<V1Pod>('pods', selector)
    this.#unsubscribe = [
      this.#jobs.subscribe((change) => this.#tell(change.object.metadata?.name, (each) => each.job(change))),
      this.#pods.subscribe((change) => this.#tell(jobOf(change.object), (each) => each.pod(change))),
    ]
  }

  start(): void {
    this.#jobs.start()
    this.#pods.start()
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    await Promise.all([this.#jobs.stop(), this.#pods.stop()])
  }

  /** Tells of a Job and of its pods. What is known by now must be asked for: `job`, `pods`. */
  subscribe(job: string, listener: FleetListener): () => void {
    const all = this.#listeners.get(job) ?? new Set()
    this.#listeners.set(job, all.add(listener))
    return () => {
      all.delete(listener)
      if (all.size === 0) this.#listeners.delete(job)
    }
  }

  job(name: string): V1Job | undefined {
    return this.#jobs.get(name)
  }

  pods(job: string): V1Pod[] {
    return this.#pods.all().filter((pod) => jobOf(pod) === job)
  }

  /** How long the API server has not been heard of, in milliseconds. */
  silentMs(): number {
    return Math.max(this.#jobs.silentMs(), this.#pods.silentMs())
  }

  /** Why that is, as far as it is known. */
  get trouble(): Error | undefined {
    return this.#jobs.trouble ?? this.#pods.trouble
  }

  #tell(job: string | undefined, say: (listener: FleetListener) => void): void {
    for (const listener of this.#listeners.get(job ?? '') ?? []) say(listener)
  }
}

/** The Job that a pod is of. By its owner: labels differ between versions (`job-name`, `batch.kubernetes.io/job-name`). */
export function jobOf(pod: V1Pod): string | undefined {
  return pod.metadata?.ownerReferences?.find(({ kind, controller }) => kind === 'Job' && controller === true)?.name
}
