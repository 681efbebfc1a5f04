import { type Clock, systemClock } from '../../kata-build-runner/model/clock.js'
import type { Answer, BuildkitConnection } from '../buildkit-api/connection.js'
import { BuildSteps } from '../progress/build-steps.js'
import { progressOf } from '../progress/status-response.js'
import { type Build, type Judgement, judge, type Limits } from './judge.js'
import { RunningClock } from './running-clock.js'
import type { Voice } from './voice.js'

export interface WatcherOptions extends Limits {
  connection: Pick<BuildkitConnection, 'ask' | 'follow' | 'waitsFor'>
  voice: Pick<Voice, 'beat' | 'end' | 'takes'>
  intervalMs: number
  /** Gets what was found at each look. */
  onLook?: (judgement: Judgement) => void
  /** Gets each line that people should read. */
  say: (line: string) => void
  clock?: Clock
}

interface Followed {
  steps: BuildSteps
  /** Its progress broke off, and is asked for again if the daemon still names the build. */
  isCut: boolean
  stop: () => void
}

/** What the daemon answered last to the question for its builds. */
export interface Known {
  /** undefined: it did not name them. */
  refs: readonly string[] | undefined
  /** When it was asked, by the watcher's clock. */
  askedMs: number
}

/** What the daemon said last. */
export type DaemonState = 'unknown' | 'absent' | 'answering'

/** Asks the daemon, follows its builds, and says in the region whether it is well. */
export class Watcher {
  readonly #options: WatcherOptions
  readonly #now: () => number
  readonly #clock: RunningClock
  readonly #builds = new Map<string, Followed>()
  readonly #told = new Map<string, string>()
  #state: DaemonState = 'unknown'
  #known: Known = { refs: undefined, askedMs: Number.NEGATIVE_INFINITY }
  #unnamed: string | undefined
  #isAsking = false
  #owesSinceMs: number | undefined
  #question: string | undefined
  #isEnding = false

  constructor(options: WatcherOptions) {
    this.#options = options
    const { intervalMs, clock = systemClock } = options
    this.#now = () => clock.now()
    this.#clock = new RunningClock(2 * intervalMs, this.#now)
  }

  get state(): DaemonState {
    return this.#state
  }

  /** Whether the daemon owes an answer for longer than it may. */
  get isHung(): boolean {
    return this.#owedMs(this.#clock.read()) >= this.#options.apiAnswerMs
  }

  /** Milliseconds for which the daemon has owed an answer. */
  get owedMs(): number {
    return this.#owedMs(this.#clock.read())
  }

  get known(): Known {
    return this.#known
  }

  /** The builds that are followed: those that the daemon named last. */
  get refs(): string[] {
    return [...this.#builds.keys()]
  }

  /** The steps that run, the most silent first. */
  get builds(): Build[] {
    const nowMs = this.#clock.read()
    return [...this.#builds].map(([ref, { steps }]) => ({ ref, steps: steps.running(nowMs) }))
  }

  /** Until the signal; never throws for anything that the daemon does. */
  async run(signal: AbortSignal): Promise<void> {
    const { intervalMs, clock = systemClock } = this.#options
    this.#sayReadiness()
    do {
      this.look()
    } while (await clock.sleep(intervalMs, signal))
    for (const { stop } of this.#builds.values()) stop()
  }

  /** One step of the loop. It waits for nothing. */
  look(): void {
    const nowMs = this.#clock.read()
    if (!this.#isAsking) void this.#ask(nowMs)
    const { voice, onLook } = this.#options
    const owed =
      this.#owesSinceMs === undefined
        ? undefined
        : { question: this.#options.connection.waitsFor ?? this.#question ?? 'health', waitedMs: this.#owedMs(nowMs) }
    const judgement = judge({ owed, builds: this.builds }, this.#options)
    this.#tell(judgement)
    if (judgement.ending === undefined) voice.beat()
    else voice.end(judgement.ending)
    onLook?.(judgement)
  }

  async #ask(nowMs: number): Promise<void> {
    const { connection, apiAnswerMs } = this.#options
    this.#isAsking = true
    this.#owesSinceMs ??= nowMs
    const askedMs = this.#now()
    // Longer than the limit: the answer that comes at last ends the stall.
    const answer = await connection.ask(4 * apiAnswerMs)
    this.#isAsking = false
    this.#take(answer, askedMs)
  }

  #take(answer: Answer, askedMs: number): void {
    if (answer.kind === 'unanswered') {
      this.#question = answer.question
      return
    }
    if (answer.kind === 'refuses') {
      this.#question = 'health (NOT_SERVING)'
      return
    }
    this.#owesSinceMs = undefined
    const state = answer.kind === 'absent' ? 'absent' : 'answering'
    if (state !== this.#state) {
      this.#options.say(answer.kind === 'absent' ? `buildkitd is not there: ${answer.why}` : 'buildkitd answers')
    }
    this.#state = state
    const refs = answer.kind === 'answered' ? answer.activeRefs : undefined
    this.#known = { refs, askedMs }
    this.#sayUnnamed(answer.kind === 'answered' && answer.activeRefs === undefined ? answer.why : undefined)
    if (answer.kind === 'absent') this.#followAll([])
    else if (refs !== undefined) this.#followAll(refs)
    this.#sayReadiness()
  }

  #followAll(refs: readonly string[]): void {
    for (const [ref, { isCut, stop }] of this.#builds) {
      if (refs.includes(ref) && !isCut) continue
      this.#builds.delete(ref)
      stop()
    }
    for (const ref of refs) if (!this.#builds.has(ref)) this.#follow(ref)
  }

  #follow(ref: string): void {
    const followed: Followed = { steps: new BuildSteps(this.#clock.read()), isCut: false, stop: () => {} }
    followed.stop = this.#options.connection.follow(
      ref,
      (progress) => followed.steps.note(progressOf(progress), this.#clock.read()),
      () => {
        // The daemon's next answer, not the end of this stream, says whether the build still runs. Until it is followed
        // again its steps are not seen, so they are not silent either.
        followed.isCut = true
        followed.steps = new BuildSteps(this.#clock.read())
      },
    )
    this.#builds.set(ref, followed)
  }

  /** Each reason once. */
  #sayUnnamed(why: string | undefined): void {
    if (why !== undefined && why !== this.#unnamed) this.#options.say(`buildkitd does not name its builds: ${why}`)
    this.#unnamed = why
  }

  #owedMs(nowMs: number): number {
    return this.#owesSinceMs === undefined ? 0 : nowMs - this.#owesSinceMs
  }

  #sayReadiness(): void {
    this.#options.voice.takes(this.#state === 'answering' ? undefined : 'buildkitd has not answered')
  }

  /** Each stall once, and its end. */
  #tell({ stalls, ending }: Judgement): void {
    const { say } = this.#options
    for (const { key, text } of stalls) {
      if (!this.#told.has(key)) say(`stalled: ${text}`)
      this.#told.set(key, text)
    }
    for (const [key, text] of this.#told) {
      if (stalls.some((stall) => stall.key === key)) continue
      this.#told.delete(key)
      say(`goes on, or has ended: ${text}`)
    }
    if (ending !== undefined && !this.#isEnding) say(`the daemon must be ended: ${ending}`)
    this.#isEnding = ending !== undefined
  }
}
