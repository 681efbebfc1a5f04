import { buildContainer } from '../launch/names.js'
import type { BuildResult } from '../model/result.js'
import { buildOf, dateOf, podCondition } from './facts.js'
import type { Observed } from './observed.js'
import { wasCached } from './pulls.js'

/**
 * The times of a build, all of them the cluster's, and what they come to. The API gives whole seconds, so each of the
 * two spans may be off by one.
 */
export function buildTimes(observed: Observed): Pick<BuildResult, 'times' | 'setUpMs' | 'overallMs' | 'imageCached'> {
  const { job, now, pod } = observed
  const state = buildOf(pod)?.state
  const created = dateOf(job?.metadata?.creationTimestamp)
  const scheduled = dateOf(podCondition(pod, 'PodScheduled')?.lastTransitionTime)
  const started = dateOf(state?.running?.startedAt ?? state?.terminated?.startedAt)
  const ended = dateOf(state?.terminated?.finishedAt)
  const cached = wasCached(observed, buildContainer)
  return {
    times: {
      created: (created ?? now).toISOString(),
      ...(pod?.spec?.nodeName && scheduled ? { scheduled: scheduled.toISOString() } : {}),
      ...(started ? { started: started.toISOString() } : {}),
      ...(ended ? { ended: ended.toISOString() } : {}),
    },
    ...(created && started ? { setUpMs: started.getTime() - created.getTime() } : {}),
    ...(created && ended ? { overallMs: ended.getTime() - created.getTime() } : {}),
    ...(cached === undefined ? {} : { imageCached: cached }),
  }
}
