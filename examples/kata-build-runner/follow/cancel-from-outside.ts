import type { V1Job } from '@kubernetes/client-node'
import { isFinished } from '../launch/launch.js'
import type { FollowOptions } from './build.js'
import { BuildView } from './build-view.js'
import { Cancelling } from './cancelling.js'
import { Patiently } from './patiently.js'
import { removeBuild } from './remove.js'
import type { Surroundings } from './surroundings.js'

/**
 * Cancels a build that another process may be following, and waits until it is gone. Once the build has ended its Job is
 * left to that process for a while, which is reading the end of the log and then deletes it.
 *
 * @returns whether it is gone
 */
export async function cancelBuild(
  around: Surroundings,
  job: V1Job,
  { graceMs }: Pick<FollowOptions, 'graceMs'>,
  say: (text: string) => void,
): Promise<boolean> {
  const { interruption, clock, timing } = around
  const view = new BuildView(around, job)
  const cancelling = new Cancelling(around, view, graceMs)
  const patiently = new Patiently(say)
  const untilMs = clock.now() + timing.patienceMs
  let endedMs: number | undefined
  try {
    for (;;) {
      view.observed()
      const nowMs = clock.now()
      if (view.isJobGone) break
      if (view.hasNoMoreOutput || isFinished(view.job)) endedMs ??= nowMs
      if (endedMs !== undefined && nowMs - endedMs >= timing.courtesyMs) break
      if (interruption.leave.aborted || nowMs >= untilMs) return false
      // One that has ended by itself was not cancelled, and its annotation must not say so.
      if (!isFinished(view.job)) await patiently.do(() => cancelling.goOn())
      await view.next(timing.tickMs)
    }
    return (await removeBuild(around, view, say)) === 'gone'
  } finally {
    view.close()
  }
}
