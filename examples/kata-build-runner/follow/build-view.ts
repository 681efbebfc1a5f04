import type { CoreV1Event, V1Job, V1Pod } from '@kubernetes/client-node'
import type { Change } from '../api/feed.js'
import { isFinished } from '../launch/launch.js'
import { annotations } from '../launch/names.js'
import type { Clock } from '../model/clock.js'
import type { GuardRecord } from '../model/record.js'
import type { Stage } from '../model/stage.js'
import { buildOf, endOf, hasStarted, isTerminal } from '../watch/facts.js'
import type { Observed } from '../watch/observed.js'
import type { StagePoint } from '../watch/stage.js'
import { HeardTime } from './heard-time.js'
import { showsRun, surelyNeverStarted } from './never-started.js'
import type { Surroundings } from './surroundings.js'

/** The newest: a pod that fails in the same way for hours has no end of them. */
const mostEvents = 500

/** What is known of one Job and its pod, kept up to date by the fleet's feeds. */
export class BuildView {
  readonly name: string
  readonly #uid: string
  readonly #unsubscribe: () => void
  #since: Partial<Record<Stage, number>> = {}
  /** The stage that it is in, and of which container. */
  #at = ''
  readonly #clock: Clock
  readonly #heard: HeardTime
  readonly #fleet: Surroundings['fleet']
  /** How long the Job may take to say why its pod went: that it failed, is gone, or was suspended again. */
  readonly #vanishedMs: number
  #job: V1Job
  #pod: V1Pod | undefined
  #jobGone = false
  #isPodGone = false
  /** Whether what is known of it is how it was as it went. */
  #isJobFinal = false
  #isPodFinal = false
  /** Whether the Job has counted a pod since it was last in a queue. */
  #hasCountedPod = false
  #podGoneMs: number | undefined
  #deletingSince: number | undefined
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
    this.#fleet = fleet
    this.#heard = new HeardTime({ clock, fleet })
    this.#vanishedMs = timing.settleMs
    this.#unsubscribe = fleet.subscribe(this.name, {
      job: ({ type, object }) => this.setJob(object, type),
      pod: ({ type, object }) => this.setPod(object, type),
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
    return !this.#hasBegun && !this.#wentUnseen && surelyNeverStarted(this.#pod)
  }

  /** Whether no more output can come: its container ended, or there is none. */
  get hasNoMoreOutput(): boolean {
    return endOf(this.#pod) !== undefined || this.#isPodGone
  }

  /** Whether the log can no longer come: the pod is gone, or its container ended before it had begun. */
  get hasNoLog(): boolean {
    return this.#isPodGone || (endOf(this.#pod) !== undefined && !showsRun(this.#pod))
  }

  observed(): Observed {
    this.#isNew = false
    const heardMs = this.#heard.now()
    this.#forgetRequeued(heardMs)
    this.#deletingSince = this.#pod?.metadata?.deletionTimestamp ? (this.#deletingSince ?? heardMs) : undefined
    return this.#facts(heardMs, this.#hasVanished(heardMs))
  }

  /** How long the API server has been heard, in milliseconds. */
  get heardMs(): number {
    return this.#heard.now()
  }

  /** It is in this stage. A limit is for one stay in it: what was before another stage does not count. */
  entered({ stage, container = '' }: StagePoint): void {
    const at = `${stage} ${container}`
    if (this.#at !== at) this.#since[stage] = this.#heard.now()
    this.#at = at
  }

  /** Adds to what was seen before: an API server forgets events after an hour. */
  addEvents(events: readonly CoreV1Event[]): void {
    const all = new Map([...this.#events, ...events].map((event) => [event.metadata.uid ?? event.metadata.name, event]))
    this.#events = [...all.values()].slice(-mostEvents)
    this.wake()
  }

  setJob(job: V1Job, type: Change<V1Job>['type'] = 'set'): void {
    const isGone = type !== 'set'
    // Another of the same name: this one is gone, and the feed was away when it went.
    if (job.metadata?.uid !== this.#uid) this.#jobGone ||= !isGone
    else {
      this.#isJobFinal ||= type === 'deleted'
      if (isAsKnown(job, this.#job) && this.#hasSeenJob && this.#jobGone === isGone) return
      this.#job = job
      this.#hasCountedPod ||= hasCountedPod(job)
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

  /** It was deleted here, by the version that is known. */
  jobIsFinal(): void {
    this.#isJobFinal = true
  }

  /** It was deleted here, by the version that is known. Without a node it stays so: no pod that is to go is bound to one. */
  podIsFinal(uid: string): void {
    this.#isPodFinal ||= this.#pod?.metadata?.uid === uid && !this.#pod.spec?.nodeName
  }

  setPod(pod: V1Pod, type: Change<V1Pod>['type'] = 'set'): void {
    const isGone = type !== 'set'
    if (pod.metadata?.ownerReferences?.every(({ uid }) => uid !== this.#uid)) return
    const isSame = pod.metadata?.uid === this.#pod?.metadata?.uid
    // The feed may be behind what was asked for.
    if (isSame && !isGone && (this.#isPodGone || (isTerminal(this.#pod) && !isTerminal(pod)))) return
    if (isSame && !isGone && isAsKnown(pod, this.#pod)) return
    if (!isSame) {
      // A build that began is never looked for in another pod (Kueue may have suspended and resumed its Job).
      if (this.#pod !== undefined && (isGone || isOlder(pod, this.#pod) || this.#mayHaveStarted())) return
      this.#isPodGone = false
    }
    this.#isPodFinal = type === 'deleted' || (isSame && this.#isPodFinal)
    this.#pod = pod
    this.#hasBegun ||= buildOf(pod)?.state.running !== undefined
    this.#isPodGone ||= isGone
    this.wake()
  }

  /** A list that was just made has not got its pod. Of one that only lists have shown no feed will tell that it went. */
  podIsAbsent(): void {
    const uid = this.#pod?.metadata?.uid
    if (uid === undefined || this.#fleet.pods(this.name).some(({ metadata }) => metadata?.uid === uid)) return
    this.#isPodGone = true
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
  #forgetRequeued(heardMs: number): void {
    if (!this.#isPodGone || this.#jobGone || this.#job.spec?.suspend !== true || this.#mayHaveStarted()) return
    this.#pod = undefined
    this.#isPodGone = false
    this.#podGoneMs = undefined
    this.#hasCountedPod = false
    this.#since = { created: heardMs }
  }

  #hasVanished(heardMs: number): boolean {
    // What has gone with its last word said is no riddle.
    if (!this.#isPodGone || (isTerminal(this.#pod) && this.hasSurelyNotBegun)) return false
    this.#podGoneMs ??= heardMs
    return this.#jobGone || isFinished(this.#job) || heardMs - this.#podGoneMs >= this.#vanishedMs
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

  get #wentUnseen(): boolean {
    if (this.#pod === undefined) return this.#jobGone && (!this.#isJobFinal || this.#hasCountedPod)
    return this.#isPodGone && !this.#isPodFinal && !isTerminal(this.#pod)
  }

  #mayHaveStarted(): boolean {
    return hasStarted(this.#facts(this.#heard.now(), false))
  }

  #facts(heardMs: number, podVanished: boolean): Observed {
    const record = this.hasNoMoreOutput && !this.#isUnconfirmed ? this.record : undefined
    return {
      ...{ job: this.#job, pod: this.#pod, events: this.#events, since: this.#since, record },
      ...{ now: this.#clock.date(), heardMs },
      deletingSince: this.#deletingSince,
      ...{ cancelled: this.isCancelled, jobVanished: this.#jobGone, podVanished, wentUnseen: this.#wentUnseen },
    }
  }
}

function isAsKnown(one: V1Job | V1Pod, other: V1Job | V1Pod | undefined): boolean {
  const version = one.metadata?.resourceVersion
  return version !== undefined && version === other?.metadata?.resourceVersion
}

/**
 * Whether the Job says that it has made a pod. Until it is to go, no pod goes before it was counted (finalizer
 * `batch.kubernetes.io/job-tracking`). Then it lets go of its pods, and its last state may count none.
 */
function hasCountedPod({ spec, status }: V1Job): boolean {
  const { active, terminating, succeeded, failed, uncountedTerminatedPods: uncounted } = status ?? {}
  const ended = [succeeded, failed, uncounted?.succeeded?.length, uncounted?.failed?.length]
  // One that is suspended may still count the pod that its queue has taken back.
  const counts = spec?.suspend === true ? ended : [active, terminating, ...ended]
  return counts.some((count = 0) => count > 0)
}

function isOlder(one: V1Pod, other: V1Pod): boolean {
  const timeOf = ({ metadata }: V1Pod) => new Date(metadata?.creationTimestamp ?? 0).getTime()
  return timeOf(one) < timeOf(other)
}
