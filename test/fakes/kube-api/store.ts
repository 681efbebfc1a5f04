import { randomUUID } from 'node:crypto'
import { type KubeObject, kubeTime, type Metadata } from './objects.js'
import { apiVersionOf, type Resource } from './resources.js'
import { conflict, notFound } from './status.js'

export interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  resource: Resource
  object: KubeObject
  /** What it was; undefined for a new one. */
  before?: KubeObject
  version: number
}

export type NewObject = Omit<KubeObject, 'metadata'> & { metadata: Partial<Metadata> & { name: string } }

const keyOf = (namespace: string | undefined, name: string) => `${namespace ?? ''}/${name}`

/**
 * Objects and their history, as etcd and the watch cache keep them. Objects in it are never changed in place: a write
 * puts a new one there. Listeners are called within the write and must not write themselves, or the next listener would
 * hear of the second change before the first.
 */
export class Store {
  readonly #objects = new Map<Resource, Map<string, KubeObject>>()
  readonly #listeners = new Set<(change: Change) => void>()
  readonly #historySize: number
  #history: Change[] = []
  #version = 1000
  #compactedTo = 1000

  constructor(historySize: number) {
    this.#historySize = historySize
  }

  get version(): number {
    return this.#version
  }
  /** Changes up to this version are forgotten: a watch from before it gets 410. */
  get compactedTo(): number {
    return this.#compactedTo
  }

  /** Forgets all history, as etcd's compaction does. */
  compact(): void {
    this.#history = []
    this.#compactedTo = this.#version
  }

  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  changesSince(version: number, resource: Resource): Change[] {
    return this.#history.filter((change) => change.version > version && change.resource === resource)
  }

  find<T extends KubeObject>(resource: Resource, namespace: string | undefined, name: string): T | undefined {
    return this.#all(resource).get(keyOf(resource.namespaced ? namespace : undefined, name)) as T | undefined
  }

  /** @throws Refusal 404 */
  get<T extends KubeObject>(resource: Resource, namespace: string | undefined, name: string): T {
    const found = this.find<T>(resource, namespace, name)
    if (found === undefined) throw notFound(resource, name)
    return found
  }

  /** In the order of their keys, as etcd has them. */
  list<T extends KubeObject>(resource: Resource, namespace?: string): T[] {
    const prefix = namespace === undefined ? '' : `${namespace}/`
    return [...this.#all(resource)]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object as T)
  }

  add<T extends KubeObject>(resource: Resource, object: NewObject): T {
    const metadata: Metadata = {
      ...object.metadata,
      uid: object.metadata.uid ?? randomUUID(),
      resourceVersion: '',
      creationTimestamp: object.metadata.creationTimestamp ?? kubeTime(),
    }
    return this.#write('ADDED', resource, {
      ...object,
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata,
    }) as T
  }

  /**
   * Puts what `change` makes of an object in its place. The same object from `change` is no write. An object that is
   * being deleted goes once nothing holds it.
   * @throws Refusal 404, or 409 if what `change` returns has another resourceVersion than the one that is there
   */
  update<T extends KubeObject>(resource: Resource, { namespace, name }: Metadata, change: (object: T) => T): T {
    const before = this.get<T>(resource, namespace, name)
    const after = change(before)
    if (after === before) return before
    if (after.metadata.resourceVersion !== before.metadata.resourceVersion)
      throw conflict(
        resource,
        name,
        'the object has been modified; please apply your changes to the latest version and try again',
      )
    const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = after.metadata
    const isGone = deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && finalizers.length === 0
    return this.#write(isGone ? 'DELETED' : 'MODIFIED', resource, after, before) as T
  }

  /** Whatever its finalizers say. */
  remove(resource: Resource, { namespace, name }: Metadata): void {
    const before = this.find(resource, namespace, name)
    if (before !== undefined) this.#write('DELETED', resource, before, before)
  }

  #all(resource: Resource): Map<string, KubeObject> {
    const all = this.#objects.get(resource) ?? new Map<string, KubeObject>()
    this.#objects.set(resource, all)
    return all
  }

  #write(type: Change['type'], resource: Resource, object: KubeObject, before?: KubeObject): KubeObject {
    const version = ++this.#version
    const written: KubeObject = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
    const key = keyOf(written.metadata.namespace, written.metadata.name)
    if (type === 'DELETED') this.#all(resource).delete(key)
    else this.#all(resource).set(key, written)
    const change: Change = { type, resource, object: written, version, ...(before === undefined ? {} : { before }) }
    this.#history.push(change)
    if (this.#history.length > 2 * this.#historySize) {
      const dropped = this.#history.splice(0, this.#history.length - this.#historySize)
      this.#compactedTo = dropped.at(-1)!.version
    }
    for (const listener of [...this.#listeners]) listener(change)
    return written
  }
}
