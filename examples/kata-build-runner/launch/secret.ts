import type { V1OwnerReference, V1Secret } from '@kubernetes/client-node'
import { stepsJson } from '../config/steps-json.js'
import { RunnerError } from '../model/runner-error.js'
import type { LaunchInput } from './launch-input.js'
import { labelsOf, secretName, stepsKey } from './names.js'

/** What the API server takes (`MaxSecretSize`), of all values together. */
const mostBytes = 1024 * 1024

/** What makes an object go with its Job. */
export function ownedBy(job: { name: string; uid: string }): V1OwnerReference {
  return { apiVersion: 'batch/v1', kind: 'Job', name: job.name, uid: job.uid }
}

/**
 * The Secret of one attempt: the guard's `steps.json`, and the values of `secretEnvironment` by their names.
 *
 * @param owner the Job, where it is there already (with Kueue it comes after)
 * @throws RunnerError `BUILD_INVALID`, if values are missing or are too long
 */
export function secretManifest(input: LaunchInput, owner?: { name: string; uid: string }): V1Secret {
  const { build, route, attempt, namespace } = input
  const values = { [stepsKey]: stepsJson(build.steps), ...secretEnvironment(input) }
  const bytes = Object.values(values).reduce((sum, value) => sum + Buffer.byteLength(value), 0)
  if (bytes > mostBytes) {
    throw new RunnerError(
      'BUILD_INVALID',
      `build ${build.id}: its steps and the values of secretEnvironment have ${bytes} bytes, more than a Secret's ${mostBytes}`,
      'put large values into a Secret of their own, and name it in environment',
    )
  }
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: secretName(build.id, attempt),
      namespace,
      labels: labelsOf(build.id, attempt, route.executor.name),
      ...(owner === undefined ? {} : { ownerReferences: [ownedBy(owner)] }),
    },
    type: 'Opaque',
    // What runs must be what was launched. The metadata, with its owner, may still change.
    immutable: true,
    data: Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  }
}

function secretEnvironment({ build, secretValues }: LaunchInput): Record<string, string> {
  const missing = build.secretEnvironment.filter((name) => !Object.hasOwn(secretValues, name))
  if (missing.length > 0) {
    throw new RunnerError(
      'BUILD_INVALID',
      `build ${build.id}: secretEnvironment names ${missing.join(', ')}, which the runner's environment has not`,
      'set them where the runner is started, or leave them out',
    )
  }
  return Object.fromEntries(build.secretEnvironment.map((name) => [name, secretValues[name] as string]))
}
