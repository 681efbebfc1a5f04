import { statusOf } from '../api/api-error.js'
import { found } from '../api/found.js'
import { annotations } from '../launch/names.js'
import { endOf, hasStarted } from '../watch/facts.js'
import type { BuildView } from './build-view.js'
import { UnstartedDeletion } from './delete-unstarted.js'
import type { Surroundings } from './surroundings.js'

/** The shortest that validation takes; what counts from the pod's start is over at once. */
const atOnceSeconds = 1

/**
 * Asks a build to end, without waiting for that.
 *
 * The Job's annotation comes first: whoever else follows this build, or goes on after a crash, then knows why it ends.
 * A build that runs is ended by its pod's deadline: that may be lowered on a running pod (`ValidatePodUpdate`), the
 * kubelet looks at it every second (`active_deadline.go`), and gives the pod its grace; pod, log and termination message
 * stay. Deleting the Job or the pod would take them away. One that does not run has nothing to keep.
 */
export class AskToEnd {
  readonly #around: Surroundings
  readonly #view: BuildView
  readonly #deletion: UnstartedDeletion

  constructor(around: Surroundings, view: BuildView) {
    this.#around = around
    this.#view = view
    this.#deletion = new UnstartedDeletion(around.api, view)
  }

  /** @returns whether all that is to be asked was asked; otherwise it has changed meanwhile, and is to be tried again */
  async goOn(): Promise<boolean> {
    const { api } = this.#around
    if (!(await this.#sayWhy())) return true
    if (endOf(this.#view.pod) !== undefined) return true
    if (!hasStarted(this.#view.observed())) {
      const outcome = await this.#deletion.goOn()
      if (outcome !== 'busy') return outcome !== 'changed'
    }
    // What is not idle runs by now, or has ended.
    if (endOf(this.#view.pod) === undefined) await lowerDeadline(api, this.#view)
    return true
  }

  /** @returns false if the Job is gone */
  async #sayWhy(): Promise<boolean> {
    if (this.#view.isCancelled) return true
    const { api, clock } = this.#around
    const metadata = { annotations: { [annotations.cancelled]: clock.date().toISOString() } }
    const job = await found(api.patchJob(this.#view.name, { metadata }))
    if (job === undefined) this.#view.jobIsGone()
    else this.#view.setJob(job)
    return job !== undefined
  }
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
