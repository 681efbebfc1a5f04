import type { V1Job } from '@kubernetes/client-node'
import type { LaunchInput } from './launch-input.js'
import { jobName } from './names.js'

export type { LaunchInput } from './launch-input.js'

/**
 * The Job of one attempt, suspended; whoever creates it unsuspends it once its Secret is there (with Kueue: Kueue does).
 *
 * @throws RunnerError `BUILD_INVALID`, if the executor does not allow what the build asks for
 */
export function jobManifest(input: LaunchInput): V1Job {
  const name = jobName(input.build.id, input.attempt)
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: input.namespace } }
}
