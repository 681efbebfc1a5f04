import { found } from '../api/found.js'
import type { BuildView } from './build-view.js'
import { deleteJob } from './delete-job.js'
import { UnstartedDeletion } from './delete-unstarted.js'
import { Patiently } from './patiently.js'
import { refreshPods } from './refresh-pods.js'
import type { Surroundings } from './surroundings.js'

/**
 * What became of a removal. `gone`: Job and pod are; `going`: they are asked to go; `kept`: the build runs, or is not to be
 * removed any more; `unasked`: nobody could ask.
 */
export type Removal = 'gone' | 'going' | 'kept' | 'unasked'

export interface RemoveOptions {
  /** How long is waited until it is gone. @default `timing.patienceMs` */
  withinMs?: number
  /** Only if it has not started, and as long as this says so of what was just read. @default in any case */
  whileDue?: () => boolean
}

/** Deletes a build's Job and waits until its pod is gone, too. */
export async function removeBuild(
  around: Surroundings,
  view: BuildView,
  say: (text: string) => void,
  { withinMs = around.timing.patienceMs, whileDue }: RemoveOptions = {},
): Promise<Removal> {
  const { api, clock, timing, interruption } = around
  const patiently = new Patiently(say)
  const unstarted = whileDue === undefined ? undefined : new UnstartedDeletion(api, view, whileDue)
  const untilMs = clock.now() + withinMs
  let state = (view.isJobGone ? 'going' : 'unasked') as Removal
  for (;;) {
    await patiently.do(async () => {
      if (state === 'unasked') state = await ask(around, view, unstarted)
      if (state === 'going' && view.isPodGone && (await isGone(around, view))) state = 'gone'
    })
    if (state === 'gone' || state === 'kept') return state
    if (interruption.leave.aborted || clock.now() >= untilMs) return state
    view.observed()
    await view.next(timing.tickMs)
  }
}

async function ask({ api }: Surroundings, view: BuildView, unstarted: UnstartedDeletion | undefined): Promise<Removal> {
  if (unstarted === undefined) {
    await deleteJob(api, view)
    return 'going'
  }
  const outcome = await unstarted.goOn()
  if (outcome === 'busy') return 'kept'
  return outcome === 'changed' ? 'unasked' : 'going'
}

/** The feeds of Jobs and of pods are not in step, so the pod of a Job that went may not have been seen yet. */
async function isGone({ api }: Surroundings, view: BuildView): Promise<boolean> {
  const uid = view.job.metadata?.uid
  if ((await found(api.readJob(view.name)))?.metadata?.uid === uid) return false
  return (await refreshPods(api, view)) === 0
}
