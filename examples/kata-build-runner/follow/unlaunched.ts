import { jobManifest } from '../launch/job.js'
import type { LaunchInput } from '../launch/launch-input.js'
import type { BuildResult } from '../model/result.js'
import { RunnerError } from '../model/runner-error.js'
import { failure } from '../watch/evidence.js'
import { nothingRead } from './build-log.js'
import { resultOf } from './result.js'

/**
 * The result of a build whose launch failed, so that whoever reads results finds this build's and no older one.
 *
 * @throws what is no RunnerError, and what says that the call was wrong (exit status 2): that is no build's end
 */
export function unlaunched(
  input: LaunchInput,
  error: unknown,
  { now, attempts = [] }: { now: Date; attempts?: BuildResult['attempts'] },
): BuildResult {
  if (!(error instanceof RunnerError)) throw error
  const outcome = outcomeOf(error)
  if (outcome === undefined) throw error
  const observed = {
    job: jobManifest(input),
    events: [],
    now,
    heardMs: 0,
    since: {},
    cancelled: outcome === 'cancelled',
  }
  const kind = outcome === 'cancelled' ? 'cancelled' : 'launch'
  const why = {
    ...failure(observed, kind, error.message, { remedy: error.remedy }),
    started: outcome === 'left-running',
  }
  return resultOf(observed.job, { outcome, failure: why, observed, log: nothingRead }, attempts)
}

function outcomeOf({ code }: RunnerError): BuildResult['outcome'] | undefined {
  switch (code) {
    case 'CANCELLED':
      return 'cancelled'
    case 'LEFT_RUNNING':
      return 'left-running'
    case 'API':
    case 'BREAKER_OPEN':
    case 'CONNECTION':
    case 'LAUNCH_INCOMPLETE':
      return 'failed'
    default:
      return undefined
  }
}
