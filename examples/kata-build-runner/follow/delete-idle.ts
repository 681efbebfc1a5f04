import type { V1Job, V1Pod } from '@kubernetes/client-node'
import { statusOf } from '../api/api-error.js'
import type { BuildApi } from '../api/build-api.js'
import { found } from '../api/found.js'
import { buildSelector, labels } from '../launch/names.js'
import { isTerminal } from '../watch/facts.js'
import { jobOf } from './fleet.js'

/**
 * What came of one try. `asked`: the API server has taken the deletion; `gone`: there is no such Job; `busy`: it is not
 * idle; `changed`: ask again, something has changed since it was read, or its pods were deleted and it is next.
 */
export type IdleDeletion = 'asked' | 'gone' | 'busy' | 'changed'

/**
 * Deletes a Job of which no build may be running. What feeds say may be minutes old, so the Job and its pods are read
 * first. Each delete carries uid and resourceVersion of what was read: a pod whose container starts meanwhile has
 * another, and is kept. Its pods go first, since a start changes a pod's version at once, and its Job's later or never.
 *
 * @param job as it was once known: its name, uid and labels
 * @param isIdle whether nothing of it may be running, by what was just read
 * @param ours uids of pods that were deleted here; they do not count as busy any more
 */
export async function deleteIdle(
  api: BuildApi,
  job: V1Job,
  isIdle: (job: V1Job, pods: readonly V1Pod[]) => boolean,
  ours: Set<string>,
): Promise<IdleDeletion> {
  const { name = '', uid } = job.metadata ?? {}
  // In this order: a pod that starts after the list was made changes the Job's version, too, if late.
  const now = await found(api.readJob(name))
  if (now === undefined || now.metadata?.uid !== uid) return 'gone'
  const pods = await podsOf(api, now)
  const others = pods.filter(({ metadata }) => !ours.has(metadata?.uid ?? ''))
  if (!isIdle(now, others)) return 'busy'
  try {
    const live = others.filter((pod) => !isTerminal(pod) && pod.metadata?.deletionTimestamp === undefined)
    const deleted = await Promise.all(live.map((pod) => deletePod(api, pod, ours)))
    if (deleted.includes(true)) return 'changed'
    await api.deleteJob(name, { uid, resourceVersion: now.metadata?.resourceVersion, propagation: 'Background' })
    return 'asked'
  } catch (error) {
    const status = statusOf(error)
    if (status === 404) return 'gone'
    if (status === 409) return 'changed'
    throw error
  }
}

/** Those of this Job. */
export async function podsOf(api: BuildApi, { metadata }: V1Job): Promise<V1Pod[]> {
  const pods = await api.listPods(buildSelector(metadata?.labels?.[labels.build] ?? ''))
  return pods.filter((pod) => jobOf(pod) === metadata?.name)
}

/** @returns false, if the runner may not: then the Job's own version is what guards its deletion */
async function deletePod(api: BuildApi, { metadata }: V1Pod, ours: Set<string>): Promise<boolean> {
  const { name = '', uid = '', resourceVersion } = metadata ?? {}
  try {
    await found(api.deletePod(name, { uid, resourceVersion }))
  } catch (error) {
    if (statusOf(error) === 403) return false
    throw error
  }
  ours.add(uid)
  return true
}
