import { found } from '../api/found.js'
import type { BuildView } from './build-view.js'
import { deleteJob } from './delete-job.js'
import { Patiently } from './patiently.js'
import { refreshPods } from './refresh-pods.js'
import type { Surroundings } from './surroundings.js'

/**
 * Deletes a build's Job and waits until its pod is gone, too.
 *
 * @param withinMs how long is waited for that
 * @returns whether it is gone; not, if that takes longer, or nobody wants to wait
 */
export async function removeBuild(
  around: Surroundings,
  view: BuildView,
  say: (text: string) => void,
  withinMs = around.timing.patienceMs,
): Promise<boolean> {
  const { api, clock, timing, interruption } = around
  const patiently = new Patiently(say)
  const untilMs = clock.now() + withinMs
  let isAsked = view.isJobGone
  let isOver = false
  for (;;) {
    await patiently.do(async () => {
      if (!isAsked) await deleteJob(api, view)
      isAsked = true
      isOver = view.isPodGone && (await isGone(around, view))
    })
    if (isOver) return true
    if (interruption.leave.aborted || clock.now() >= untilMs) return false
    view.observed(clock.date())
    await view.next(timing.tickMs)
  }
}

/** The feeds of Jobs and of pods are not in step, so the pod of a Job that went may not have been seen yet. */
async function isGone({ api }: Surroundings, view: BuildView): Promise<boolean> {
  const uid = view.job.metadata?.uid
  if ((await found(api.readJob(view.name)))?.metadata?.uid === uid) return false
  return (await refreshPods(api, view)) === 0
}
