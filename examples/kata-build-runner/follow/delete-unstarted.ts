import type { V1Job, V1Pod } from '@kubernetes/client-node'
import type { BuildApi } from '../api/build-api.js'
import type { BuildView } from './build-view.js'
import { deleteIdle, type IdleDeletion } from './delete-idle.js'
import { showsRun } from './never-started.js'

/** Tries before time passes: a deletion of pods is followed by that of their Job. */
const triesAtOnce = 3

/** The deletion of a build that has not started. It shows the view what it reads, and leaves a build that has. */
export class UnstartedDeletion {
  readonly #api: BuildApi
  readonly #view: BuildView
  readonly #isStillDue: () => boolean
  readonly #deletedPods = new Set<string>()

  /** @param isStillDue whether it is still to be deleted, by what the view was shown just before */
  constructor(api: BuildApi, view: BuildView, isStillDue: () => boolean = () => true) {
    this.#api = api
    this.#view = view
    this.#isStillDue = isStillDue
  }

  /** @returns `changed`, if it is to be tried again a little later */
  async goOn(): Promise<IdleDeletion> {
    let outcome: IdleDeletion = 'changed'
    for (let tries = 0; outcome === 'changed' && tries < triesAtOnce; tries++) {
      outcome = await deleteIdle(this.#api, this.#view.job, (...read) => this.#isIdle(...read), this.#deletedPods)
    }
    for (const uid of this.#deletedPods) this.#view.podIsFinal(uid)
    if (outcome === 'asked') this.#view.jobIsFinal()
    if (outcome === 'gone') this.#view.jobIsGone()
    return outcome
  }

  #isIdle(job: V1Job, pods: readonly V1Pod[]): boolean {
    this.#view.setJob(job)
    for (const pod of pods) this.#view.setPod(pod)
    if (pods.some(showsRun)) return false
    // Its own pod is being deleted, or gone: that is not undone.
    return this.#deletedPods.size > 0 || (!this.#isOutOfSight(pods) && this.#isStillDue())
  }

  /** A pod that was bound, and is gone without a last word, may have run. */
  #isOutOfSight(pods: readonly V1Pod[]): boolean {
    const { pod, hasSurelyNotBegun } = this.#view
    const isThere = pods.some(({ metadata }) => metadata?.uid === pod?.metadata?.uid)
    if (pod === undefined || isThere || hasSurelyNotBegun) return false
    this.#view.podIsAbsent()
    return true
  }
}
