import { deleteObject, foregroundFinalizer, orphanFinalizer } from './deletion.js'
import type { KubeObject, OwnerReference } from './objects.js'
import { apiVersionOf, type Resource, resources } from './resources.js'
import type { Change, Store } from './store.js'

const owned = resources.filter(({ plural }) => ['jobs', 'pods', 'secrets', 'configmaps'].includes(plural))

/** Deletes what has lost all its owners, and finishes deletions that orphan or wait for dependents. */
export class GarbageCollector {
  readonly #store: Store
  readonly #unlisten: () => void
  #isStopped = false

  constructor(store: Store) {
    this.#store = store
    this.#unlisten = store.listen((change) => setImmediate(() => !this.#isStopped && this.#look(change)))
  }

  stop(): void {
    this.#isStopped = true
    this.#unlisten()
  }

  #look({ type, resource, object }: Change): void {
    const { metadata } = object
    const references = metadata.ownerReferences ?? []
    if (type === 'DELETED') {
      for (const dependent of this.#dependents(metadata.uid)) this.#collect(dependent.resource, dependent.object)
      for (const reference of references) this.#finish(reference, metadata.namespace)
      return
    }
    const finalizers = metadata.deletionTimestamp === undefined ? [] : (metadata.finalizers ?? [])
    if (finalizers.includes(orphanFinalizer)) this.#orphan(resource, object)
    else if (finalizers.includes(foregroundFinalizer)) this.#deleteDependents(resource, object)
    else if (references.length > 0 && metadata.deletionTimestamp === undefined) this.#collect(resource, object)
  }

  /** Whether its owner, by uid, is still there; an owner of a kind that is not served here counts as there. */
  #isThere({ apiVersion, kind, name, uid }: OwnerReference, namespace: string | undefined): boolean {
    const resource = resources.find((each) => apiVersionOf(each) === apiVersion && each.kind === kind)
    return resource === undefined || this.#store.find(resource, namespace, name)?.metadata.uid === uid
  }

  #collect(resource: Resource, seen: KubeObject): void {
    const object = this.#store.find(resource, seen.metadata.namespace, seen.metadata.name)
    const { ownerReferences = [], namespace, deletionTimestamp, uid } = object?.metadata ?? seen.metadata
    if (object === undefined || uid !== seen.metadata.uid || deletionTimestamp !== undefined) return
    if (ownerReferences.length === 0 || ownerReferences.some((each) => this.#isThere(each, namespace))) return
    deleteObject(this.#store, resource, object, { propagationPolicy: 'Background' })
  }

  #orphan(resource: Resource, object: KubeObject): void {
    const { uid } = object.metadata
    for (const dependent of this.#dependents(uid))
      this.#store.update(dependent.resource, dependent.object.metadata, (before) => ({
        ...before,
        metadata: {
          ...before.metadata,
          ownerReferences: before.metadata.ownerReferences?.filter((each) => each.uid !== uid) ?? [],
        },
      }))
    this.#release(resource, object, orphanFinalizer)
  }

  #deleteDependents(resource: Resource, object: KubeObject): void {
    const dependents = this.#dependents(object.metadata.uid)
    for (const dependent of dependents)
      if (dependent.object.metadata.deletionTimestamp === undefined)
        deleteObject(this.#store, dependent.resource, dependent.object, { propagationPolicy: 'Background' })
    if (this.#dependents(object.metadata.uid).length === 0) this.#release(resource, object, foregroundFinalizer)
  }

  /** Looks again at an owner that waits for its last dependent to go. */
  #finish({ apiVersion, kind, name, uid }: OwnerReference, namespace: string | undefined): void {
    const resource = resources.find((each) => apiVersionOf(each) === apiVersion && each.kind === kind)
    const object = resource === undefined ? undefined : this.#store.find(resource, namespace, name)
    if (resource === undefined || object?.metadata.uid !== uid) return
    if (object.metadata.finalizers?.includes(foregroundFinalizer)) this.#deleteDependents(resource, object)
  }

  #release(resource: Resource, { metadata }: KubeObject, finalizer: string): void {
    if (this.#store.find(resource, metadata.namespace, metadata.name)?.metadata.uid !== metadata.uid) return
    this.#store.update(resource, metadata, (before) => ({
      ...before,
      metadata: {
        ...before.metadata,
        finalizers: before.metadata.finalizers?.filter((each) => each !== finalizer) ?? [],
      },
    }))
  }

  #dependents(uid: string): { resource: Resource; object: KubeObject }[] {
    return owned.flatMap((resource) =>
      this.#store
        .list(resource)
        .filter(({ metadata }) => metadata.ownerReferences?.some((each) => each.uid === uid))
        .map((object) => ({ resource, object })),
    )
  }
}
