import type { V1Job } from '@kubernetes/client-node'
import type { Failure } from '../model/failure.js'
import type { StageLimits } from '../model/stage.js'
import { failureOf, succeeded } from '../watch/diagnose.js'
import { failure } from '../watch/evidence.js'
import { endOf, hasStarted, isTerminal } from '../watch/facts.js'
import type { Observed } from '../watch/observed.js'
import { stageOf } from '../watch/stage.js'
import { BuildLog, type LogSummary } from './build-log.js'
import { BuildView } from './build-view.js'
import { Cancelling } from './cancelling.js'
import { Contact } from './contact.js'
import { Patiently } from './patiently.js'
import { removeBuild } from './remove.js'
import type { Display, Surroundings } from './surroundings.js'

/** How one attempt of a build ended, or that it was left. */
export interface Ending {
  outcome: 'succeeded' | 'failed' | 'cancelled' | 'left-running'
  failure?: Failure
  observed: Observed
  log: LogSummary
}

export interface FollowOptions {
  limits: StageLimits
  /** The pod's grace: how long after SIGTERM its containers may go on, in milliseconds. */
  graceMs: number
}

/**
 * Follows one Job to its end: stages, log and failures; cancels it when that is asked for. It tries on through lost
 * connections, and leaves the build running when the API server was gone for longer than `timing.patienceMs`.
 */
export async function followBuild(
  around: Surroundings,
  job: V1Job,
  display: Display,
  options: FollowOptions,
): Promise<Ending> {
  const view = new BuildView(around, job)
  const log = new BuildLog(around, view, display)
  const wake = () => view.wake()
  const signals = [around.interruption.cancel, around.interruption.leave]
  for (const signal of signals) signal.addEventListener('abort', wake)
  try {
    const ending = { ...(await endingOf(around, view, log, display, options)), log }
    display.progress.stage(stageOf(ending.observed), around.clock.now())
    return ending
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', wake)
    await log.stop()
    view.close()
  }
}

type Verdict = { outcome: 'succeeded' } | { outcome: 'left-running' } | { outcome: 'failed'; failure: Failure }

/** Watches until the build has ended; goes on where one that seemed not to start does run. */
async function endingOf(
  around: Surroundings,
  view: BuildView,
  log: BuildLog,
  display: Display,
  options: FollowOptions,
): Promise<Omit<Ending, 'log'>> {
  for (;;) {
    const verdict = await watched(around, view, log, display, options)
    const ending = await settled(around, view, log, display, verdict, options)
    if (ending !== undefined) return ending
    // What the watches show may lag behind what was read. Without a pause that would be asked as fast as it is answered.
    await view.next(around.timing.tickMs)
  }
}

/** Until it is known what became of the build. */
async function watched(
  around: Surroundings,
  view: BuildView,
  log: BuildLog,
  display: Display,
  { limits, graceMs }: FollowOptions,
): Promise<Verdict> {
  const { interruption, clock, timing } = around
  const { progress } = display
  const say = (text: string) => display.say(text)
  const contact = new Contact(around, view, say)
  const cancelling = new Cancelling(around, view, graceMs)
  const patiently = new Patiently(say)
  for (;;) {
    const point = stageOf(view.observed())
    view.entered(point)
    progress.stage(point, clock.now())
    if (interruption.leave.aborted) return { outcome: 'left-running' }
    if (hasLog(view.observed())) log.start()
    // Before the judgement: at the end it needs the events.
    await patiently.do(() => contact.look(point))
    const observed = view.observed()
    if (stageOf(observed).stage !== point.stage) continue
    // That look may have shown a pod that the feed had not.
    if (hasLog(observed)) log.start()
    if (succeeded(observed)) return { outcome: 'succeeded' }
    const reason = failureOf(observed, limits)
    if (reason !== undefined) return { outcome: 'failed', failure: reason }
    if (contact.isLost()) return { outcome: 'left-running' }
    if (interruption.cancel.aborted || view.isCancelled) await patiently.do(() => cancelling.goOn())
    await view.next(timing.tickMs)
  }
}

/**
 * The rest of the log, and of a build that is over its Job, where that could still come to something.
 *
 * @returns undefined, if the build is not over: what the API server says now is not what the verdict was made of
 */
async function settled(
  around: Surroundings,
  view: BuildView,
  log: BuildLog,
  display: Display,
  early: Verdict,
  { limits }: FollowOptions,
): Promise<Omit<Ending, 'log'> | undefined> {
  const say = (text: string) => display.say(text)
  if (early.outcome === 'left-running') return { ...early, observed: view.observed() }
  await untilRead(around, view, log)
  const observed = view.observed()
  const verdict = judgedAgain(early, view, observed, limits)
  if (verdict.outcome === 'succeeded') {
    if (view.isCancelled) await removeBuild(around, view, say)
    return { ...verdict, observed }
  }
  const { failure: reason } = verdict
  const outcome = reason.kind === 'cancelled' ? 'cancelled' : 'failed'
  if (!reason.started) return await withoutStart(around, view, say, { outcome, failure: reason, observed }, limits)
  if (!view.isCancelled && !mayGoOn(view)) return { outcome, failure: reason, observed }
  const removal = await removeBuild(around, view, say, view.isCancelled ? {} : { withinMs: 0 })
  if (removal !== 'gone' && outcome === 'cancelled') return { outcome: 'left-running', failure: reason, observed }
  return { outcome, failure: reason, observed }
}

/** Takes a build away that has not started, if that is still so: what feeds say may be minutes old. */
async function withoutStart(
  around: Surroundings,
  view: BuildView,
  say: (text: string) => void,
  ending: { outcome: 'cancelled' | 'failed'; failure: Failure; observed: Observed },
  limits: StageLimits,
): Promise<Omit<Ending, 'log'> | undefined> {
  const { outcome, failure: reason } = ending
  const whileDue = () => {
    view.entered(stageOf(view.observed()))
    return failureOf(view.observed(), limits)?.started === false
  }
  const removal = await removeBuild(around, view, say, { whileDue })
  if (removal === 'kept') return undefined
  const isUnknown = removal === 'unasked' || (removal === 'going' && outcome === 'cancelled')
  if (isUnknown) return { ...ending, outcome: 'left-running' }
  // Until its pod was gone it may have begun, and one that nobody deletes (its Job was deleted without it) still may.
  const mayStillBegin = removal === 'going' && !view.isPodGone && !isTerminal(view.pod)
  const isDeleted = view.pod?.metadata?.deletionTimestamp !== undefined
  if ((mayStillBegin && !isDeleted) || !view.hasSurelyNotBegun) {
    const observed = view.observed()
    const { kind, summary, remedy } = reason
    return { ...ending, observed, failure: failure(observed, kind, summary, { remedy, started: true }) }
  }
  return { ...ending, failure: { ...reason, retry: reason.retry && removal === 'gone' } }
}

/** The end of the log may have told how it ended. */
function judgedAgain(
  early: Exclude<Verdict, { outcome: 'left-running' }>,
  view: BuildView,
  observed: Observed,
  limits: StageLimits,
): Exclude<Verdict, { outcome: 'left-running' }> {
  if (early.outcome !== 'failed') return early
  const { kind } = early.failure
  if (kind === 'unproven') {
    if (succeeded(observed)) return { outcome: 'succeeded' }
    return { outcome: 'failed', failure: failureOf(observed, limits) ?? early.failure }
  }
  if (kind !== 'job-vanished' || !view.hasUnconfirmedSuccess) return early
  const words = 'the log says that every step succeeded, but the Job was gone before the container had confirmed it'
  return { outcome: 'failed', failure: failure(observed, 'unproven', words) }
}

/** A Job whose pod was taken away may make another (once Kueue resumes it), and a pod that is out of sight may run on. */
function mayGoOn(view: BuildView): boolean {
  return !view.isJobOver && (view.isPodGone || (endOf(view.pod) === undefined && !isTerminal(view.pod)))
}

/** The log's end. It comes after the container's; if that cannot be seen any more, nobody waits for it for ever. */
async function untilRead({ interruption, clock, timing }: Surroundings, view: BuildView, log: BuildLog): Promise<void> {
  const untilMs = clock.now() + timing.patienceMs
  /** Of time in which the API server is heard: a log that cannot be asked for is not one that is silent. */
  let silentMs: number | undefined
  while (!log.isDone && !interruption.leave.aborted && clock.now() < untilMs) {
    view.observed()
    if (!view.hasNoMoreOutput) silentMs ??= view.heardMs + timing.settleMs
    if (silentMs !== undefined && view.heardMs >= silentMs && !view.hasNoMoreOutput) return
    await view.next(timing.tickMs)
  }
}

/** Whether the build container has written, or may write, a log. */
function hasLog(observed: Observed): boolean {
  const { pod } = observed
  return endOf(pod) !== undefined || (pod?.metadata?.name !== undefined && hasStarted(observed))
}
