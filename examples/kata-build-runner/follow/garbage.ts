import type { V1Job, V1Pod, V1Secret } from '@kubernetes/client-node'
import { statusOf } from '../api/api-error.js'
import type { BuildApi } from '../api/build-api.js'
import type { Executor } from '../config/executor-config.js'
import { anyBuildSelector, labels } from '../launch/names.js'
import { allStagesMs } from '../model/stage.js'
import { buildOf } from '../watch/facts.js'
import { deleteIdle, podsOf } from './delete-idle.js'

/** In a queue the Secret comes before its Job, and a runner may be slow: no younger Secret is taken for abandoned. */
export const youngSecretMs = 600_000

/** The first deletes the pods, and their Job changes by that for a moment. */
const mostTries = 5

export interface Removed {
  kind: 'Secret' | 'Job'
  name: string
  why: string
}

export interface GarbageOptions {
  now: () => Date
  /** Nothing is removed. */
  isDry: boolean
}

/**
 * Removes what lost runners left in a namespace: Secrets without a Job, and Jobs that are past all that their executor
 * gives a build. Each is deleted only as it was seen (uid and resourceVersion), so that one that anybody has touched since
 * stays for the next time.
 *
 * @param executors those that launch builds into this namespace; a Job of another is left alone
 */
export async function collectGarbage(
  api: BuildApi,
  executors: readonly Executor[],
  { now, isDry }: GarbageOptions,
): Promise<Removed[]> {
  // In this order: a Job that comes after the list of Secrets is in the list of Jobs.
  const secrets = await api.listSecrets(anyBuildSelector)
  const jobs = await api.listJobs(anyBuildSelector)
  const removed: Removed[] = []
  for (const secret of secrets) {
    const why = whySecret(secret, jobs, now())
    if (why === undefined) continue
    const { name = '', uid, resourceVersion } = secret.metadata ?? {}
    if (isDry || (await isDone(api.deleteSecret(name, { uid, resourceVersion }))))
      removed.push({ kind: 'Secret', name, why })
  }
  for (const job of jobs) {
    const why = whyJob(job, executors, now())
    if (why === undefined) continue
    const isRemoved = isDry ? isIdle(job, await podsOf(api, job)) : await removeJob(api, job)
    if (isRemoved) removed.push({ kind: 'Job', name: job.metadata?.name ?? '', why })
  }
  return removed
}

function whySecret(secret: V1Secret, jobs: readonly V1Job[], now: Date): string | undefined {
  const { name, labels: own } = secret.metadata ?? {}
  if (own?.[labels.build] === undefined || jobs.some(({ metadata }) => metadata?.name === name)) return undefined
  const ageMs = ageOf(secret, now)
  return ageMs < youngSecretMs ? undefined : `it has no Job, and is ${minutes(ageMs)} old`
}

function whyJob(job: V1Job, executors: readonly Executor[], now: Date): string | undefined {
  if (job.metadata?.deletionTimestamp !== undefined) return undefined
  const executor = executors.find(({ name }) => name === job.metadata?.labels?.[labels.executor])
  if (executor === undefined) return undefined
  const { maxBuildTimeout, stageTimeouts, terminationGracePeriodMs } = executor.kubernetes
  const mostMs = allStagesMs(stageTimeouts) + maxBuildTimeout * 60_000 + terminationGracePeriodMs
  const ageMs = ageOf(job, now)
  if (ageMs <= mostMs) return undefined
  return `it is ${minutes(ageMs)} old, and executor ${executor.name} gives a build ${minutes(mostMs)} (stages and maxBuildTimeout)`
}

/** Pods first, then the Job; what changes meanwhile stays for the next time. */
async function removeJob(api: BuildApi, job: V1Job): Promise<boolean> {
  const ours = new Set<string>()
  for (let tries = 0; tries < mostTries; tries++) {
    const outcome = await deleteIdle(api, job, isIdle, ours)
    if (outcome !== 'changed') return outcome === 'asked'
  }
  return false
}

/** By the pods themselves: a Job's status does not tell a pod that waits from one that runs. */
function isIdle(_job: V1Job, pods: readonly V1Pod[]): boolean {
  return pods.every((pod) => buildOf(pod)?.state.running === undefined)
}

/** False: it has changed (409) or is gone (404) since it was seen. */
async function isDone(deletion: Promise<unknown>): Promise<boolean> {
  try {
    await deletion
    return true
  } catch (error) {
    const status = statusOf(error)
    if (status !== 404 && status !== 409) throw error
    return false
  }
}

function ageOf({ metadata }: V1Job | V1Secret, now: Date): number {
  return now.getTime() - new Date(metadata?.creationTimestamp ?? now).getTime()
}

function minutes(ms: number): string {
  return `${Math.floor(ms / 60_000)} min`
}
