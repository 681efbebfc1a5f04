import { found } from '../api/found.js'
import { isTerminal } from '../watch/facts.js'
import type { StagePoint } from '../watch/stage.js'
import type { BuildView } from './build-view.js'
import { EventsPace } from './events-pace.js'
import { refreshPods } from './refresh-pods.js'
import type { Surroundings } from './surroundings.js'

/** What a build's follower asks the API server for itself, beside the feeds; and whether the server is there at all. */
export class Contact {
  readonly #around: Surroundings
  readonly #view: BuildView
  readonly #say: (text: string) => void
  readonly #pace: EventsPace
  readonly #beganMs: number
  #notedMs = Number.NEGATIVE_INFINITY
  #hasLookedAtEnd = false
  #reading: Promise<void> | undefined

  constructor(around: Surroundings, view: BuildView, say: (text: string) => void) {
    this.#around = around
    this.#view = view
    this.#say = say
    this.#pace = new EventsPace(around.timing)
    this.#beganMs = around.clock.now()
  }

  /** Whether the API server was gone for longer than the patience for it. */
  isLost(): boolean {
    const { clock, fleet, timing } = this.#around
    const silentMs = fleet.silentMs()
    if (silentMs >= timing.noteMs && clock.now() - this.#notedMs >= timing.noteMs) {
      this.#notedMs = clock.now()
      const why = fleet.trouble === undefined ? '' : `: ${fleet.trouble.message}`
      this.#say(`no word of the API server for ${Math.round(silentMs / 1000)} s${why}; trying on`)
    }
    return silentMs >= timing.patienceMs
  }

  /** Events, where they tell something; and the Job by its name, where the feed has not shown it. */
  async look({ stage }: StagePoint): Promise<void> {
    const nowMs = this.#around.clock.now()
    const isUnseen = !this.#view.hasSeenJob && nowMs - this.#beganMs >= this.#around.timing.unseenMs
    if (isUnseen && !this.#view.isJobGone) await this.#readJob()
    if (stage === 'ended' && !this.#hasLookedAtEnd) await this.#lookAtEnd()
    if (this.#pace.isDue(stage, nowMs)) await this.#readEvents()
  }

  /** Not waited for without end: they only say why. */
  async #readEvents(): Promise<void> {
    const { clock, interruption, timing } = this.#around
    this.#reading ??= this.#askForEvents().finally(() => {
      this.#reading = undefined
    })
    const stop = new AbortController()
    const signal = AbortSignal.any([stop.signal, interruption.leave])
    try {
      await Promise.race([this.#reading, clock.sleep(timing.eventsLimitMs, signal)])
    } finally {
      stop.abort()
      // Where it was waited for that is told already.
      this.#reading?.catch(() => {})
    }
  }

  /** The feeds of Jobs and of pods are not in step: a Job may be over whose pod was not seen, or not as it ended. */
  async #lookAtEnd(): Promise<void> {
    if (!isTerminal(this.#view.pod)) await refreshPods(this.#around.api, this.#view)
    this.#hasLookedAtEnd = true
  }

  async #readJob(): Promise<void> {
    const { api } = this.#around
    const job = await found(api.readJob(this.#view.name))
    if (job === undefined) this.#view.jobIsGone()
    else this.#view.setJob(job)
  }

  async #askForEvents(): Promise<void> {
    const { api } = this.#around
    const pod = this.#view.pod?.metadata?.name
    const lists = await Promise.all(
      [this.#view.name, ...(pod === undefined ? [] : [pod])].map((name) => api.listEvents(name)),
    )
    this.#view.addEvents(lists.flat())
  }
}
