import { isTerminal, type KubeObject, kubeTime, type Pod } from './objects.js'
import { jobs, pods, type Resource } from './resources.js'
import { conflict } from './status.js'
import type { Store } from './store.js'

export interface DeleteOptions {
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
  gracePeriodSeconds?: number
  preconditions?: { uid?: string; resourceVersion?: string }
}

export const orphanFinalizer = 'orphan'
export const foregroundFinalizer = 'foregroundDeletion'

/** What a deletion does at once; the garbage collector and the kubelet do the rest. */
export function deleteObject(store: Store, resource: Resource, object: KubeObject, options: DeleteOptions): KubeObject {
  const { uid, resourceVersion } = options.preconditions ?? {}
  const { metadata } = object
  if (uid !== undefined && uid !== metadata.uid)
    throw conflict(
      resource,
      metadata.name,
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    )
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    throw conflict(
      resource,
      metadata.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    )
  const grace = resource === pods ? graceOf(object as Pod, options) : 0
  return store.update(resource, metadata, (before) => ({
    ...before,
    metadata: {
      ...before.metadata,
      deletionTimestamp: before.metadata.deletionTimestamp ?? kubeTime(new Date(Date.now() + grace * 1000)),
      // A second deletion can only shorten the first one's grace.
      deletionGracePeriodSeconds: Math.min(grace, before.metadata.deletionGracePeriodSeconds ?? grace),
      finalizers: [...new Set([...(before.metadata.finalizers ?? []), ...finalizersOf(resource, options)])],
    },
  }))
}

/** The registry's podStrategy.CheckGracefulDelete. */
function graceOf(pod: Pod, { gracePeriodSeconds }: DeleteOptions): number {
  if (pod.spec.nodeName === undefined || isTerminal(pod)) return 0
  return gracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30
}

/** Jobs of batch/v1 orphan their pods unless told otherwise, "for back compatibility" (jobStrategy's default policy). */
function finalizersOf(resource: Resource, { propagationPolicy }: DeleteOptions): string[] {
  switch (propagationPolicy ?? (resource === jobs ? 'Orphan' : 'Background')) {
    case 'Orphan':
      return [orphanFinalizer]
    case 'Foreground':
      return [foregroundFinalizer]
    default:
      return []
  }
}
