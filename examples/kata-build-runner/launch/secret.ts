import type { V1OwnerReference, V1Secret } from '@kubernetes/client-node'
import type { LaunchInput } from './launch-input.js'
import { secretName } from './names.js'

/** What makes an object go with its Job. */
export function ownedBy(job: { name: string; uid: string }): V1OwnerReference {
  return { apiVersion: 'batch/v1', kind: 'Job', name: job.name, uid: job.uid }
}

/**
 * The Secret of one attempt: the guard's `steps.json`, and the values of `secretEnvironment` by their names.
 *
 * @param owner the Job, where it is there already (with Kueue it comes after)
 * @throws RunnerError `BUILD_INVALID`, if a value is missing or all of them are too long
 */
export function secretManifest(input: LaunchInput, owner?: { name: string; uid: string }): V1Secret {
  const name = secretName(input.build.id, input.attempt)
  const ownerReferences = owner === undefined ? {} : { ownerReferences: [ownedBy(owner)] }
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: input.namespace, ...ownerReferences } }
}
