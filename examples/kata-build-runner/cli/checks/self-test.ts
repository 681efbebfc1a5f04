import type { V1Job } from '@kubernetes/client-node'
import type { BuildApi } from '../../api/build-api.js'
import { found } from '../../api/found.js'
import type { Executor } from '../../config/executor-config.js'
import { BuildView } from '../../follow/build-view.js'
import { Contact } from '../../follow/contact.js'
import { Patiently } from '../../follow/patiently.js'
import { removeBuild } from '../../follow/remove.js'
import type { Surroundings } from '../../follow/surroundings.js'
import { insisted } from '../../launch/after-failure.js'
import type { Clock } from '../../model/clock.js'
import { RunnerError } from '../../model/runner-error.js'
import { failureOf } from '../../watch/diagnose.js'
import { endOf } from '../../watch/facts.js'
import { stageOf } from '../../watch/stage.js'
import { error, type Finding, ok } from './finding.js'
import { selfTestJob } from './sample.js'

const what = 'self-test'

/**
 * Runs the probe's self-test as a build would be run: under the executor's runtime class, on its nodes, with its security,
 * from its launch image. The Job is removed afterwards.
 */
export async function checkSelfTest(
  around: Surroundings,
  executor: Executor,
  id: string,
  say: (text: string) => void,
): Promise<Finding> {
  const { api, clock, namespace } = around
  try {
    const job = await created(api, clock, selfTestJob(executor, namespace, id))
    const view = new BuildView(around, job)
    try {
      return await outcome(around, view, executor, say)
    } finally {
      const isGone = (await removeBuild(around, view, say)) === 'gone'
      if (!isGone) say(`Job ${view.name} is left behind: kubectl -n ${namespace} delete job ${view.name}`)
      view.close()
    }
  } catch (failure) {
    if (!(failure instanceof RunnerError)) throw failure
    return error(what, failure.message, failure.remedy)
  }
}

/** The name is nobody else's, so what has it was made by a create of which the answers were lost. */
async function created(api: BuildApi, clock: Clock, manifest: V1Job): Promise<V1Job> {
  const name = manifest.metadata?.name ?? ''
  try {
    return await api.createJob(manifest)
  } catch (failure) {
    if (!(failure instanceof RunnerError)) throw failure
    const there = await insisted(clock, () => found(api.readJob(name))).catch((unread: unknown) => {
      if (!(unread instanceof RunnerError)) throw unread
      const where = `kubectl -n ${manifest.metadata?.namespace} delete job ${name}`
      throw new RunnerError(failure.code, `${failure.message}; Job ${name} may be left behind`, where, {
        cause: failure,
      })
    })
    if (there === undefined) throw failure
    return there
  }
}

async function outcome(
  around: Surroundings,
  view: BuildView,
  { kubernetes, launchImage, launchVersion }: Executor,
  say: (text: string) => void,
): Promise<Finding> {
  const { interruption, timing } = around
  const image = `${launchImage}:${launchVersion}`
  const contact = new Contact(around, view, say)
  const patiently = new Patiently(say)
  for (;;) {
    const point = stageOf(view.observed())
    view.entered(point)
    await patiently.do(() => contact.look(point))
    const observed = view.observed()
    if (stageOf(observed).stage !== point.stage) continue
    const end = endOf(observed.pod)
    if (end?.exitCode === 0) {
      return ok(
        what,
        `shm-probe of ${image} works on node ${observed.pod?.spec?.nodeName} under ${kubernetes.runtimeClass ?? 'the default runtime'}`,
      )
    }
    const failure = failureOf(observed, kubernetes.stageTimeouts)
    if (failure !== undefined) return error(what, `${failure.kind}: ${failure.summary}`, failure.remedy)
    if (interruption.cancel.aborted) return error(what, `stopped in stage "${point.stage}"`, 'let it come to its end')
    if (contact.isLost()) return error(what, 'the API server no longer answers', 'try again once it does')
    await view.next(timing.tickMs)
  }
}
