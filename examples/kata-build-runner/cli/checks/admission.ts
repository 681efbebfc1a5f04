import { randomBytes } from 'node:crypto'
import type { BuildApi } from '../../api/build-api.js'
import type { Executor } from '../../config/executor-config.js'
import { RunnerError } from '../../model/runner-error.js'
import { error, type Finding, ok } from './finding.js'
import { sampleJob } from './sample.js'

/** A name that no build has. */
export function preflightId(): string {
  return `preflight-${randomBytes(4).toString('hex')}`
}

/**
 * Whether the API server takes the Job of a build, by a create that it carries out in all but the writing. What it refuses
 * of a Job's *pod* (the Pod Security level, quotas) only shows once a pod is made: the self-test makes one.
 */
export async function checkAdmission(api: BuildApi, executor: Executor, namespace: string): Promise<Finding> {
  const what = 'admission'
  try {
    await api.createJob(sampleJob(executor, namespace, preflightId()), { dryRun: true })
    return ok(what, `the Job of a build is accepted in namespace ${namespace}`)
  } catch (failure) {
    if (!(failure instanceof RunnerError)) throw failure
    return error(what, failure.message, failure.remedy)
  }
}
