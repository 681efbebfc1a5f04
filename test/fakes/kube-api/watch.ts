import { after, type Clock } from '../../../examples/kata-build-runner/model/clock.js'
import type { Answer } from './answer.js'
import type { KubeObject } from './objects.js'
import { apiVersionOf, type Resource } from './resources.js'
import type { Matcher } from './selectors.js'
import { expired, Refusal } from './status.js'
import type { Change, Store } from './store.js'

export interface WatchRequest {
  resource: Resource
  namespace: string | undefined
  matches: Matcher
  /** '' and '0': what is there now comes first, as ADDED. */
  resourceVersion: string
  bookmarks: boolean
  timeoutMs: number
}

type Seen = 'ADDED' | 'MODIFIED' | 'DELETED'

export class Watches {
  readonly #store: Store
  readonly #clock: Clock
  readonly #bookmarkMs: number
  readonly #open = new Set<{ end(): void; drop(): void }>()
  // Many watch the same kind: what was made of a change for the one before is likely what the next needs.
  #lastObject: KubeObject | undefined
  #lastJson = ''

  constructor(store: Store, clock: Clock, bookmarkMs: number) {
    this.#store = store
    this.#clock = clock
    this.#bookmarkMs = bookmarkMs
  }

  get count(): number {
    return this.#open.size
  }
  /** Ends all, as a server that is restarted politely does: the body ends, the connection stays. */
  endAll(): void {
    for (const each of [...this.#open]) each.end()
  }
  dropAll(): void {
    for (const each of [...this.#open]) each.drop()
  }

  serve(answer: Answer, request: WatchRequest): void {
    answer.open('application/json')
    const say = (type: string, json: string) => answer.write(`{"type":"${type}","object":${json}}\n`)
    const isInside = (object: KubeObject) =>
      (request.namespace === undefined || object.metadata.namespace === request.namespace) && request.matches(object)
    const hear = (change: Change) => {
      if (change.resource !== request.resource) return
      const type = seenAs(change, isInside)
      if (type !== undefined) say(type, this.#jsonOf(change.object))
    }
    try {
      this.#begin(request, isInside, hear, say)
    } catch (error) {
      // Since the watch cache, a version that is too old is told within the stream, under status 200.
      if (!(error instanceof Refusal)) throw error
      say('ERROR', JSON.stringify(error.body))
      answer.end()
      return
    }
    const bookmark = () =>
      say(
        'BOOKMARK',
        JSON.stringify({
          kind: request.resource.kind,
          apiVersion: apiVersionOf(request.resource),
          metadata: { resourceVersion: String(this.#store.version), creationTimestamp: null },
        }),
      )
    const unlisten = this.#store.listen(hear)
    const closed = new AbortController()
    if (request.bookmarks) void this.#sayAgainAndAgain(bookmark, closed.signal)
    const open = {
      end: () => {
        close()
        answer.end()
      },
      drop: () => {
        close()
        answer.drop()
      },
    }
    const inTime = after(this.#clock, request.timeoutMs, () => {
      if (request.bookmarks) bookmark()
      open.end()
    })
    const close = () => {
      unlisten()
      closed.abort()
      inTime()
      this.#open.delete(open)
    }
    this.#open.add(open)
    answer.onClose(close)
  }

  async #sayAgainAndAgain(bookmark: () => void, closed: AbortSignal): Promise<void> {
    while (await this.#clock.sleep(this.#bookmarkMs, closed)) bookmark()
  }

  #begin(
    request: WatchRequest,
    isInside: Matcher,
    hear: (change: Change) => void,
    say: (type: string, json: string) => void,
  ): void {
    const { resource, namespace, resourceVersion } = request
    if (resourceVersion === '' || resourceVersion === '0') {
      for (const object of this.#store.list(resource, namespace))
        if (isInside(object)) say('ADDED', this.#jsonOf(object))
      return
    }
    const since = Number(resourceVersion)
    if (since < this.#store.compactedTo)
      throw expired(`too old resource version: ${resourceVersion} (${this.#store.compactedTo})`)
    for (const change of this.#store.changesSince(since, resource)) hear(change)
  }

  #jsonOf(object: KubeObject): string {
    if (this.#lastObject !== object) {
      this.#lastObject = object
      this.#lastJson = JSON.stringify(object)
    }
    return this.#lastJson
  }
}

/** What a watch with a selector sees of a change: an object that no longer matches is DELETED to it. */
function seenAs(change: Change, isInside: Matcher): Seen | undefined {
  const was = change.before !== undefined && isInside(change.before)
  const is = change.type !== 'DELETED' && isInside(change.object)
  if (is) return was ? 'MODIFIED' : 'ADDED'
  return was ? 'DELETED' : undefined
}
