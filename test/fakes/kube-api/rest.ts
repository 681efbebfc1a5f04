import { randomBytes } from 'node:crypto'
import type { Admission } from './admission.js'
import type { Answer } from './answer.js'
import { withDefaults } from './defaults.js'
import { type DeleteOptions, deleteObject } from './deletion.js'
import type { KubeObject } from './objects.js'
import { patched } from './patch.js'
import { apiVersionOf, pods, type Resource, type Target } from './resources.js'
import { matcherOf } from './selectors.js'
import { alreadyExists, expired, Refusal } from './status.js'
import type { NewObject, Store } from './store.js'
import { checkUpdate } from './update-rules.js'
import type { Watches } from './watch.js'

export interface RestRequest {
  method: string
  target: Target
  query: URLSearchParams
  contentType: string
  body: string
}

/** As RBAC names what a request does. */
export function verbOf({ method, target, query }: RestRequest): string {
  const isOne = target.name !== undefined
  if (method === 'GET') return isOne ? 'get' : isTrue(query.get('watch')) ? 'watch' : 'list'
  if (method === 'DELETE') return isOne ? 'delete' : 'deletecollection'
  return { POST: 'create', PUT: 'update', PATCH: 'patch' }[method] ?? method.toLowerCase()
}

const isTrue = (value: string | null) => value === 'true' || value === '1'

/** What clients do with objects: the API server's generic registry. */
export class Rest {
  readonly #store: Store
  readonly #admission: Admission
  readonly #watches: Watches
  /** What is left of lists that were asked for in pieces, by their token. */
  readonly #pending = new Map<string, { version: number; items: KubeObject[] }>()

  /** What a client deleted, as it was just before. */
  onDelete: (resource: Resource, object: KubeObject) => void = () => {}

  constructor(store: Store, admission: Admission, watches: Watches) {
    this.#store = store
    this.#admission = admission
    this.#watches = watches
  }

  /** @throws Refusal */
  serve(request: RestRequest, answer: Answer): void {
    const { target, body } = request
    const { resource, namespace, name = '' } = target
    switch (verbOf(request)) {
      case 'get':
        answer.json(200, this.#store.get(resource, namespace, name))
        return
      case 'list':
        answer.json(200, this.#list(target, request.query))
        return
      case 'watch':
        this.#watch(target, request.query, answer)
        return
      case 'create':
        answer.json(201, this.#create(target, parsed(body) as NewObject, isDry(request)))
        return
      case 'patch':
        answer.json(
          200,
          this.#update(target, isDry(request), (before) => patched(before, request.contentType, parsed(body))),
        )
        return
      case 'update':
        answer.json(
          200,
          this.#update(target, isDry(request), () => parsed(body) as KubeObject),
        )
        return
      case 'delete':
        answer.json(200, this.#delete(target, request))
        return
      case 'deletecollection':
        answer.json(200, this.#deleteCollection(target, request))
        return
      default:
        throw new Refusal(405, 'the server does not allow this method on the requested resource')
    }
  }

  /** Lists in pieces cannot go on: their version is compacted. */
  forgetPieces(): void {
    this.#pending.clear()
  }

  #matches({ resource }: Target, query: URLSearchParams) {
    return matcherOf(resource, query.get('labelSelector') ?? '', query.get('fieldSelector') ?? '')
  }

  #list(target: Target, query: URLSearchParams): object {
    const { resource, namespace } = target
    const token = query.get('continue')
    let { version, items } = { version: this.#store.version, items: [] as KubeObject[] }
    if (token !== null && token !== '') {
      const pending = this.#pending.get(token)
      if (pending === undefined)
        throw expired(
          'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
        )
      ;({ version, items } = pending)
    } else items = this.#store.list(resource, namespace).filter(this.#matches(target, query))
    const limit = Number(query.get('limit') ?? 0) || items.length
    const rest = items.slice(limit)
    const next = rest.length === 0 ? '' : randomBytes(12).toString('base64url')
    if (next !== '') this.#pending.set(next, { version, items: rest })
    return {
      kind: `${resource.kind}List`,
      apiVersion: apiVersionOf(resource),
      metadata: {
        resourceVersion: String(version),
        ...(next === '' ? {} : { continue: next, remainingItemCount: rest.length }),
      },
      // The items of a list do not say what they are.
      items: items.slice(0, limit).map(({ kind: _, apiVersion: __, ...item }) => item),
    }
  }

  #watch(target: Target, query: URLSearchParams, answer: Answer): void {
    this.#watches.serve(answer, {
      resource: target.resource,
      namespace: target.namespace,
      matches: this.#matches(target, query),
      resourceVersion: query.get('resourceVersion') ?? '',
      bookmarks: isTrue(query.get('allowWatchBookmarks')),
      // Without a limit of the client's the server sets its own, of 30 to 60 minutes.
      timeoutMs: Number(query.get('timeoutSeconds') ?? 1800) * 1000,
    })
  }

  #create({ resource, namespace }: Target, given: NewObject, isDry: boolean): KubeObject {
    const { name, generateName = '' } = given.metadata ?? {}
    const made = name ?? `${generateName}${randomBytes(4).toString('hex').slice(0, 5)}`
    const object = withDefaults(resource, namespace, { ...given, metadata: { ...given.metadata, name: made } })
    const admitted = this.#admission.admit(resource, object)
    if (this.#store.find(resource, namespace, made) !== undefined) throw alreadyExists(resource, made)
    return isDry ? (admitted as KubeObject) : this.#store.add(resource, admitted)
  }

  #update(target: Target, isDry: boolean, change: (before: KubeObject) => KubeObject): KubeObject {
    const { resource, namespace, name = '', subresource } = target
    const changed = (before: KubeObject): KubeObject => {
      const after = change(before)
      const isStatus = subresource === 'status'
      const { status, ...rest } = isStatus ? before : after
      const kept = isStatus ? after['status'] : before['status']
      const { resourceVersion } = after.metadata
      const object: KubeObject = {
        ...rest,
        metadata: { ...rest.metadata, resourceVersion: resourceVersion ?? before.metadata.resourceVersion },
        ...(kept === undefined ? {} : { status: kept }),
      }
      checkUpdate(resource, before, object)
      return JSON.stringify(object) === JSON.stringify(before) ? before : this.#withGeneration(before, object)
    }
    if (isDry) return changed(this.#store.get(resource, namespace, name))
    return this.#store.update(resource, this.#store.get(resource, namespace, name).metadata, changed)
  }

  #withGeneration(before: KubeObject, after: KubeObject): KubeObject {
    const { generation } = before.metadata
    if (generation === undefined || JSON.stringify(before['spec']) === JSON.stringify(after['spec'])) return after
    return { ...after, metadata: { ...after.metadata, generation: generation + 1 } }
  }

  #delete({ resource, namespace, name = '' }: Target, request: RestRequest): object {
    const object = this.#store.get(resource, namespace, name)
    if (isDry(request)) return object
    const left = deleteObject(this.#store, resource, object, deleteOptionsOf(request))
    this.onDelete(resource, object)
    // A pod is answered with itself, and so is what something still holds.
    if (resource === pods || this.#store.find(resource, namespace, name) !== undefined) return left
    return {
      ...{ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' },
      details: { ...detailsOf(resource), name, uid: object.metadata.uid },
    }
  }

  #deleteCollection(target: Target, request: RestRequest): object {
    const { resource, namespace } = target
    const found = this.#store.list(resource, namespace).filter(this.#matches(target, request.query))
    if (!isDry(request))
      for (const object of found) deleteObject(this.#store, resource, object, deleteOptionsOf(request))
    return { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata: {}, items: found }
  }
}

const detailsOf = ({ group, plural }: Resource) => ({ ...(group === '' ? {} : { group }), kind: plural })

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (error) {
    throw new Refusal(400, `the object provided is unrecognized (must be of type JSON): ${(error as Error).message}`)
  }
}

const isDry = ({ query, body, method }: RestRequest): boolean =>
  query.get('dryRun') === 'All' ||
  (method === 'DELETE' &&
    body !== '' &&
    (parsed(body) as { dryRun?: string[] } | null)?.dryRun?.includes('All') === true)

/** In the body, or, where there is none, in the query. */
function deleteOptionsOf({ body, query }: RestRequest): DeleteOptions {
  const [policy, grace] = [query.get('propagationPolicy'), query.get('gracePeriodSeconds')]
  return {
    ...(policy === null ? {} : { propagationPolicy: policy as NonNullable<DeleteOptions['propagationPolicy']> }),
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(body === '' ? {} : ((parsed(body) as DeleteOptions | null) ?? {})),
  }
}
