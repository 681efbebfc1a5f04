import type { V1Job } from '@kubernetes/client-node'
import { statusOf } from '../api/api-error.js'
import type { BuildApi } from '../api/build-api.js'
import { found } from '../api/found.js'
import type { Clock } from '../model/clock.js'
import { RunnerError } from '../model/runner-error.js'

/** An open breaker lets nothing through for 10 s. */
const patienceMs = 30_000
const pauseMs = 500

/**
 * A call of a launch failed after the Job was made, and may have been carried out all the same: an answer can be lost,
 * and a server can fail after its work. So the Job is looked at. One that may run is kept; one that is surely suspended is
 * deleted, exactly as it was read, and so has never run.
 *
 * @param mayRun whether it may have been let go
 * @returns the Job, if it is let go: the build is under way
 * @throws RunnerError the given one, if nothing is left; `LEFT_RUNNING` or `LAUNCH_INCOMPLETE`, if that cannot be made sure
 */
export async function afterFailure(
  api: BuildApi,
  job: V1Job,
  error: RunnerError,
  { clock, mayRun }: { clock: Clock; mayRun: boolean },
): Promise<V1Job> {
  const { name = '', uid } = job.metadata ?? {}
  try {
    for (;;) {
      const now = await insisted(clock, () => found(api.readJob(name)))
      if (now === undefined || now.metadata?.uid !== uid) break
      if (now.spec?.suspend !== true) return now
      if (await insisted(clock, () => isDeleted(api, now))) break
      await clock.sleep(pauseMs)
    }
  } catch (failure) {
    if (!(failure instanceof RunnerError)) throw failure
    throw leftBehind(api.namespace, name, error, mayRun)
  }
  throw error
}

/** Asks again also after all tries of a call: what failed just before may have opened the breaker. */
export async function insisted<T>(clock: Clock, ask: () => Promise<T>): Promise<T> {
  for (const untilMs = clock.now() + patienceMs; ; await clock.sleep(pauseMs)) {
    try {
      return await ask()
    } catch (error) {
      const isHopeless = !(error instanceof RunnerError) || error.code === 'CANCELLED'
      if (isHopeless || clock.now() >= untilMs) throw error
    }
  }
}

/** What is said of a Job that nobody could look at after a call had failed. */
export function leftBehind(namespace: string, name: string, error: RunnerError, mayRun: boolean): RunnerError {
  const where = `Job ${name} in namespace ${namespace}`
  // Asked twice, so whatever is there was left on purpose.
  const code = error.code === 'CANCELLED' ? 'LEFT_RUNNING' : 'LAUNCH_INCOMPLETE'
  return mayRun
    ? new RunnerError(
        'LEFT_RUNNING',
        `${error.message}; whether ${where} runs by now is not known`,
        '`attach` follows it if it runs, `run` with the same build file goes on in any case, `cancel` removes it',
        { cause: error },
      )
    : new RunnerError(
        code,
        `${error.message}; ${where} may be left behind, suspended: nothing runs`,
        `${error.remedy}; \`run\` with the same build file goes on from there, \`cancel\` removes it`,
        { cause: error },
      )
}

/** @returns false, if it has changed since it was read: its status is written at the same time */
async function isDeleted(api: BuildApi, { metadata = {} }: V1Job): Promise<boolean> {
  const { name = '', uid, resourceVersion } = metadata
  try {
    await api.deleteJob(name, { uid, resourceVersion, propagation: 'Background' })
    return true
  } catch (error) {
    const status = statusOf(error)
    if (status === 404) return true
    if (status === 409) return false
    throw error
  }
}
