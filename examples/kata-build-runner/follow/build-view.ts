import type { CoreV1Event, V1Job, V1Pod } from '@kubernetes/client-node'
import { isFinished } from '../launch/launch.js'
import { annotations } from '../launch/names.js'
import type { Clock } from '../model/clock.js'
import type { GuardRecord } from '../model/record.js'
import type { Stage } from '../model/stage.js'
import { buildOf, endOf, hasStarted, isTerminal } from '../watch/facts.js'
import type { Observed } from '../watch/observed.js'
import { surelyNeverStarted } from './never-started.js'
import type { Surroundings } from './surroundings.js'

/** What is known of one Job and its pod, kept up to date by the fleet's feeds. */
export class BuildView {
  readonly name: string
  readonly #uid: string
  readonly #unsubscribe: () => void
  #since: Partial<Record<Stage, Date>> = {}
  readonly #clock: Clock
  /** How long the Job may take to say why its pod went: that it failed, is gone, or was suspended again. */
  readonly #vanishedMs: number
  #job: V1Job
  #pod: V1Pod | undefined
  #jobGone = false
  #isPodGone = false
  #podGoneAt: Date | undefined
  #deletingSince: Date | undefined
  #hasSeenJob = false
  #events: CoreV1Event[] = []
  #wake: (() => void) | undefined
  #isNew = false
  #hasBegun = false
  #isCancelled = false
  /** The guard's record, from the final mark of the log, as long as nothing came after that. */
  record: GuardRecord | undefined
  /** Whether the log was read to its end, and that mark is its last line. */
  isLogClosed = false

  /** @param job as it was created or read */
  constructor({ clock, fleet, timing }: Pick<Surroundings, 'clock' | 'fleet' | 'timing'>, job: V1Job) {
    this.name = job.metadata?.name ?? ''
    this.#uid = job.metadata?.uid ?? ''
    this.#job = job
    this.setJob(job)
    this.#hasSeenJob = false
    this.#clock = clock
    this.#vanishedMs = timing.settleMs
    this.#unsubscribe = fleet.subscribe(this.name, {
      job: ({ type, object }) => this.setJob(object, type === 'gone'),
      pod: ({ type, object }) => this.setPod(object, type === 'gone'),
    })
    const known = fleet.job(this.name)
    if (known !== undefined) this.setJob(known)
    for (const pod of fleet.pods(this.name)) this.setPod(pod)
  }

  get job(): V1Job {
    return this.#job
  }

  get pod(): V1Pod | undefined {
    return this.#pod
  }

  get isJobGone(): boolean {
    return this.#jobGone
  }

  /** Whether the Job makes no more pods. */
  get isJobOver(): boolean {
    return this.#jobGone || isFinished(this.#job)
  }

  get isPodGone(): boolean {
    return this.#pod === undefined || this.#isPodGone
  }

  /** Whether the feed has shown this Job at least once; until then its absence there says nothing. */
  get hasSeenJob(): boolean {
    return this.#hasSeenJob
  }

  /** Somebody said that this build is to be cancelled: this runner, or another by the Job's annotation. */
  get isCancelled(): boolean {
    return this.#isCancelled
  }

  /** Whether the build container surely never ran, so that it may be tried again. Of a pod that is gone. */
  get hasSurelyNotBegun(): boolean {
    return !this.#hasBegun && surelyNeverStarted(this.#pod)
  }

  /** Whether no more output can come: its container ended, or there is none. */
  get hasNoMoreOutput(): boolean {
    return endOf(this.#pod) !== undefined || this.#isPodGone
  }

  observed(now: Date): Observed {
    this.#isNew = false
    this.#forgetRequeued(now)
    this.#deletingSince = this.#pod?.metadata?.deletionTimestamp ? (this.#deletingSince ?? now) : undefined
    return this.#facts(now, this.#hasVanished(now))
  }

  entered(stage: Stage, now: Date): void {
    this.#since[stage] ??= now
  }

  /** Adds to what was seen before: an API server forgets events after an hour. */
  addEvents(events: readonly CoreV1Event[]): void {
    const all = new Map([...this.#events, ...events].map((event) => [event.metadata.uid ?? event.metadata.name, event]))
    this.#events = [...all.values()]
    this.wake()
  }

  setJob(job: V1Job, isGone = false): void {
    // Another of the same name: this one is gone, and the feed was away when it went.
    if (job.metadata?.uid !== this.#uid) this.#jobGone ||= !isGone
    else {
      this.#job = job
      // For good: a feed may be behind what a patch has answered.
      this.#isCancelled ||= job.metadata?.annotations?.[annotations.cancelled] !== undefined
      this.#jobGone ||= isGone
      this.#hasSeenJob = true
    }
    this.wake()
  }

  jobIsGone(): void {
    this.#jobGone = true
    this.wake()
  }

  setPod(pod: V1Pod, isGone = false): void {
    if (pod.metadata?.ownerReferences?.every(({ uid }) => uid !== this.#uid)) return
    const isSame = pod.metadata?.uid === this.#pod?.metadata?.uid
    // The feed may be behind what was asked for.
    if (isSame && !isGone && (this.#isPodGone || (isTerminal(this.#pod) && !isTerminal(pod)))) return
    if (!isSame) {
      // A build that began is never looked for in another pod (Kueue may have suspended and resumed its Job).
      if (this.#pod !== undefined && (isGone || isOlder(pod, this.#pod) || this.#mayHaveStarted())) return
      this.#isPodGone = false
    }
    this.#pod = pod
    this.#hasBegun ||= buildOf(pod)?.state.running !== undefined
    this.#isPodGone ||= isGone
    this.wake()
  }

  /** Looks again at once, for a reason that is not of the cluster. */
  wake(): void {
    this.#isNew = true
    this.#wake?.()
  }

  /** Once something has changed since the last `observed`, or after so many milliseconds. */
  async next(ms: number): Promise<void> {
    if (this.#isNew) return
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await this.#clock.sleep(ms, woken.signal)
  }

  close(): void {
    this.#unsubscribe()
  }

  /** Kueue evicts a build that has not begun by suspending its Job: it is queued again, and nothing is lost. */
  #forgetRequeued(now: Date): void {
    if (!this.#isPodGone || this.#jobGone || this.#job.spec?.suspend !== true || this.#mayHaveStarted()) return
    this.#pod = undefined
    this.#isPodGone = false
    this.#podGoneAt = undefined
    this.#since = { created: now }
  }

  #hasVanished(now: Date): boolean {
    // What has gone with its last word said is no riddle.
    if (!this.#isPodGone || (isTerminal(this.#pod) && this.hasSurelyNotBegun)) return false
    this.#podGoneAt ??= now
    return this.#jobGone || isFinished(this.#job) || now.getTime() - this.#podGoneAt.getTime() >= this.#vanishedMs
  }

  /**
   * Whether the log's final mark tells of a success that nothing else does. A build that knows the nonce can forge that
   * mark (`docs/guard.md`); not the exit status of its container.
   */
  get hasUnconfirmedSuccess(): boolean {
    return this.hasNoMoreOutput && this.record !== undefined && this.#isUnconfirmed
  }

  get #isUnconfirmed(): boolean {
    return this.record?.exit === 0 && !(this.isLogClosed && endOf(this.#pod)?.exitCode === 0)
  }

  #mayHaveStarted(): boolean {
    return hasStarted(this.#facts(this.#clock.date(), false))
  }

  #facts(now: Date, podVanished: boolean): Observed {
    const record = this.hasNoMoreOutput && !this.#isUnconfirmed ? this.record : undefined
    return {
      ...{ job: this.#job, pod: this.#pod, events: this.#events, now, since: this.#since, record },
      deletingSince: this.#deletingSince,
      ...{ cancelled: this.isCancelled, jobVanished: this.#jobGone, podVanished },
    }
  }
}

function isOlder(one: V1Pod, other: V1Pod): boolean {
  const timeOf = ({ metadata }: V1Pod) => new Date(metadata?.creationTimestamp ?? 0).getTime()
  return timeOf(one) < timeOf(other)
}
