import { statusOf } from '../api/api-error.js'
import { found } from '../api/found.js'
import { annotations } from '../launch/names.js'
import { endOf, hasStarted } from '../watch/facts.js'
import type { BuildView } from './build-view.js'
import { deleteJob } from './delete-job.js'
import type { Surroundings } from './surroundings.js'

/** The shortest that validation takes; what counts from the pod's start is over at once. */
const atOnceSeconds = 1

/**
 * Asks a build to end, and returns without waiting for that.
 *
 * The Job's annotation comes first: whoever else follows this build, or goes on after a crash, then knows why it ends.
 * A build that runs is ended by its pod's deadline: that may be lowered on a running pod (`ValidatePodUpdate`), the
 * kubelet looks at it every second (`active_deadline.go`), and gives the pod its grace; pod, log and termination message
 * stay. Deleting the Job or the pod would take them away. One that does not run has nothing to keep.
 */
export async function askToEnd({ api, clock }: Surroundings, view: BuildView): Promise<void> {
  if (!view.isCancelled) {
    const metadata = { annotations: { [annotations.cancelled]: clock.date().toISOString() } }
    const job = await found(api.patchJob(view.name, { metadata }))
    if (job === undefined) return view.jobIsGone()
    view.setJob(job)
  }
  const observed = view.observed(clock.date())
  if (endOf(view.pod) !== undefined) return
  if (!hasStarted(observed)) {
    await deleteJob(api, view)
    return
  }
  await lowerDeadline(api, view)
}

/** The other way, for a cluster whose rules or kubelet do not let the deadline end it. The log's tail may go with it. */
export async function deletePod({ api }: Surroundings, view: BuildView): Promise<void> {
  const { name, uid } = view.pod?.metadata ?? {}
  if (name !== undefined && !view.isPodGone) await found(api.deletePod(name, { uid }))
}

async function lowerDeadline(api: Surroundings['api'], view: BuildView): Promise<void> {
  const name = view.pod?.metadata?.name ?? ''
  try {
    await found(api.patchPod(name, { spec: { activeDeadlineSeconds: atOnceSeconds } }))
  } catch (error) {
    // 403: the right is missing, or an admission rule says no; 422: validation does.
    const status = statusOf(error)
    if (status !== 403 && status !== 422) throw error
    await found(api.deletePod(name, { uid: view.pod?.metadata?.uid }))
  }
}
