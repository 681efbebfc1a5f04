import type {
  CoreV1Event,
  V1Job,
  V1Pod,
  V1ResourceAttributes,
  V1RuntimeClass,
  V1Secret,
  V1SubjectAccessReviewStatus,
  VersionInfo,
} from '@kubernetes/client-node'
import type { Feed } from './feed.js'

/** A merge patch (RFC 7396): what it names is replaced, lists as a whole; null removes. */
export type MergePatch = Record<string, unknown>

/** Which object is meant: the name alone may be another's by now. */
export interface DeleteOptions {
  /** Refused with 409 if the object of this name has another. */
  uid?: string | undefined
  /** Refused with 409 if it has changed since. */
  resourceVersion?: string | undefined
}

/**
 * What the runner asks of the API server, in one namespace. Objects are called by their names.
 *
 * Every call but `feed` and `openLog` is tried several times, and is idempotent by that: a create whose first answer was
 * lost comes back as 409 (compare what is there), a delete as 404 (`found`).
 *
 * @throws RunnerError `API` if the server refused (`statusOf` has its status) or does not answer, `BREAKER_OPEN` if it
 *   was not even asked, `CONNECTION` if it cannot be trusted, `CANCELLED` if the runner's signal ended the wait
 */
export interface BuildApi {
  readonly namespace: string

  /** @param options.dryRun all checks and admission, and nothing is stored */
  createJob(job: V1Job, options?: { dryRun?: boolean }): Promise<V1Job>
  readJob(name: string): Promise<V1Job>
  patchJob(name: string, patch: MergePatch): Promise<V1Job>
  /** Without a propagation policy the pod would be orphaned: the default of batch/v1 Jobs over HTTP. */
  deleteJob(name: string, options: DeleteOptions & { propagation: 'Background' | 'Foreground' }): Promise<void>
  listJobs(selector: string): Promise<V1Job[]>

  createSecret(secret: V1Secret): Promise<V1Secret>
  readSecret(name: string): Promise<V1Secret>
  patchSecret(name: string, patch: MergePatch): Promise<V1Secret>
  deleteSecret(name: string, options?: DeleteOptions): Promise<void>
  listSecrets(selector: string): Promise<V1Secret[]>

  patchPod(name: string, patch: MergePatch): Promise<V1Pod>
  deletePod(name: string, options?: DeleteOptions): Promise<void>
  listPods(selector: string): Promise<V1Pod[]>

  /** Of the object with this name, of whatever kind. */
  listEvents(involvedName: string): Promise<CoreV1Event[]>
  readRuntimeClass(name: string): Promise<V1RuntimeClass>
  /** Whether the runner may do this. */
  selfSubjectAccessReview(attributes: V1ResourceAttributes): Promise<V1SubjectAccessReviewStatus>
  version(): Promise<VersionInfo>

  /** One per kind and selector: whoever asks again gets the same. */
  feed(kind: 'jobs', selector: string): Feed<V1Job>
  feed(kind: 'pods', selector: string): Feed<V1Pod>
  feed<T extends V1Job | V1Pod>(kind: 'jobs' | 'pods', selector: string): Feed<T>

  /** Follows a container's log with timestamps. Asked once: who follows tries again, for as long as that makes sense. */
  openLog(pod: string, container: string, options: LogOptions): Promise<AsyncIterable<Uint8Array>>
}

export interface LogOptions {
  /** RFC 3339; the API server cuts it to whole seconds. */
  sinceTime?: string | undefined
  /** Ends the wait for the answer and the stream, at once. */
  signal: AbortSignal
}
