import type { V1Job } from '@kubernetes/client-node'
import { statusOf } from '../api/api-error.js'
import type { BuildApi } from '../api/build-api.js'
import { found } from '../api/found.js'
import type { Clock } from '../model/clock.js'
import { RunnerError } from '../model/runner-error.js'
import { afterFailure, insisted, leftBehind } from './after-failure.js'
import { jobManifest } from './job.js'
import type { LaunchInput } from './launch-input.js'
import { annotations, buildHash, jobName, labels } from './names.js'
import { ensureEarlySecret, ensureOwnedSecret, removeEarlySecret } from './place-secret.js'
import { secretManifest } from './secret.js'

/** Between two looks at a Job of the same name that is being deleted. */
const goingMs = 500
/** How long such a Job may take to go: its pod has its grace, and a lost node never answers. */
const patienceMs = 120_000

export interface LaunchOptions {
  clock: Clock
  /** Once aborted nothing more is launched: a Job that is there by then is returned as it is. */
  cancel: AbortSignal
}

/**
 * Brings a build's Job to where it can run: the Job suspended, the Secret that it owns, then unsuspended. With a queue the
 * Secret comes first, since Kueue may unsuspend the Job at once, and is adopted after; the Job is Kueue's to unsuspend.
 *
 * Each call is idempotent by its object's name, so that this goes on from wherever an earlier runner was killed.
 *
 * @param existing the Job, where it is known to be there
 * @throws RunnerError `BUILD_EXISTS`, if a Job or Secret of this name is another's; `CANCELLED`, if there is no Job yet;
 *   `LEFT_RUNNING`, if the build may run and nobody can say; others leave nothing behind, or say what
 */
export async function launch(
  api: BuildApi,
  input: LaunchInput,
  existing: V1Job | undefined,
  options: LaunchOptions,
): Promise<V1Job> {
  const { cancel, clock } = options
  const isQueued = queueOf(existing ?? jobManifest(input)) !== undefined
  const job = existing ?? (await (isQueued ? ensureQueuedJob : ensureJob)(api, input, options))
  expectSame(job, input)
  // One that was let go has its Secret: that came before.
  const isLetGo = !isQueued && job.spec?.suspend !== true
  if (isLetGo || isFinished(job)) return job
  // An early Secret is adopted also then: it goes with the Job.
  if (cancel.aborted && !isQueued) return job
  let mayRun = isQueued
  try {
    await ensureOwnedSecret(api, input, { name: nameOf(job), uid: uidOf(job) }, { isEarly: isQueued })
    if (isQueued || cancel.aborted) return job
    mayRun = true
    return await api.patchJob(nameOf(job), { spec: { suspend: false } })
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error
    return await afterFailure(api, job, error, { clock, mayRun })
  }
}

/**
 * Whether the executor takes this build, by all that can be known before anything is asked of a cluster.
 *
 * @throws RunnerError `BUILD_INVALID`
 */
export function expectLaunchable(input: LaunchInput): void {
  jobManifest(input)
  secretManifest(input)
}

/** Whether all calls of a launch were made, as far as the Job shows it. With a queue that is Kueue's to say. */
export function isLaunched(job: V1Job): boolean {
  return job.spec?.suspend !== true || queueOf(job) !== undefined
}

export function isFinished(job: V1Job): boolean {
  return (job.status?.conditions ?? []).some(
    ({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'),
  )
}

function queueOf(job: V1Job): string | undefined {
  return job.metadata?.labels?.[labels.queue]
}

/** With its Secret before it, since Kueue may let the Job go at once; none stays without a Job when that is cancelled. */
async function ensureQueuedJob(api: BuildApi, input: LaunchInput, options: LaunchOptions): Promise<V1Job> {
  const secret = options.cancel.aborted ? undefined : await ensureEarlySecret(api, input)
  try {
    return await ensureJob(api, input, options)
  } catch (error) {
    if (secret !== undefined && error instanceof RunnerError && error.code === 'CANCELLED') {
      await removeEarlySecret(api, secret)
    }
    throw error
  }
}

async function ensureJob(api: BuildApi, input: LaunchInput, { cancel, clock }: LaunchOptions): Promise<V1Job> {
  const manifest = jobManifest(input)
  const name = jobName(input.build.id, input.attempt)
  for (const untilMs = clock.now() + patienceMs; !cancel.aborted; await clock.sleep(goingMs, cancel)) {
    const job = await createdOrThere(api, manifest, clock)
    if (job !== undefined && job.metadata?.deletionTimestamp === undefined) return job
    if (clock.now() > untilMs) {
      throw new RunnerError(
        'BUILD_EXISTS',
        `Job ${name} was deleted, and is still there after ${patienceMs / 1000} s`,
        `see what holds it: kubectl -n ${input.namespace} get job,pod -l job-name=${name} -o yaml`,
      )
    }
  }
  throw new RunnerError(
    'CANCELLED',
    `build ${input.build.id} was cancelled before it had a Job`,
    'nothing runs, and nothing was left',
  )
}

/** The Job of that name: made, or there, also where it was made and the answer to that was an error. */
async function createdOrThere(api: BuildApi, manifest: V1Job, clock: Clock): Promise<V1Job | undefined> {
  const name = manifest.metadata?.name ?? ''
  try {
    return await api.createJob(manifest)
  } catch (error) {
    if (statusOf(error) === 409) return await found(api.readJob(name))
    if (!(error instanceof RunnerError) || isRefusal(error)) throw error
    const job = await insisted(clock, () => found(api.readJob(name))).catch(() => {
      throw leftBehind(api.namespace, name, error, queueOf(manifest) !== undefined)
    })
    if (job === undefined) throw error
    return job
  }
}

/** Whether the API server said that it did nothing. */
function isRefusal(error: unknown): boolean {
  const status = statusOf(error)
  return status !== undefined && status < 500 && status !== 408
}

function expectSame(job: V1Job, { build }: LaunchInput): void {
  if (job.metadata?.annotations?.[annotations.buildHash] === buildHash(build)) return
  throw new RunnerError(
    'BUILD_EXISTS',
    `Job ${nameOf(job)} is there already, and was made of another build of the id "${build.id}"`,
    `choose another id, or cancel the one that is there: build-runner cancel ${build.id}`,
  )
}

function nameOf(job: V1Job): string {
  return job.metadata?.name ?? ''
}

function uidOf(job: V1Job): string {
  return job.metadata?.uid ?? ''
}
