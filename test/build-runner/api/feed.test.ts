import type { V1Pod } from '@kubernetes/client-node'
import { afterEach, describe, expect, it } from 'vitest'
import type { BuildApi } from '../../../examples/kata-build-runner/api/build-api.js'
import { connect } from '../../../examples/kata-build-runner/api/connect.js'
import type { Feed } from '../../../examples/kata-build-runner/api/feed.js'
import { type FeedSource, WatchFeed } from '../../../examples/kata-build-runner/api/feed.js'
import type { WatchEvent } from '../../../examples/kata-build-runner/api/watch-event.js'
import { type Client, start, testClock, until } from '../../fakes/support.js'
import { executorOf } from './executors.js'

const feeds: Feed<V1Pod>[] = []
afterEach(async () => {
  for (const feed of feeds.splice(0)) await feed.stop()
})

/** A watch that tells of nothing, and ends. */
const quietUntil = (over: () => unknown): AsyncIterable<never> => ({
  [Symbol.asyncIterator]: () => ({
    async next() {
      await over()
      return { done: true, value: undefined }
    },
  }),
})

const selector = 'app=screwdriver'
const add = ({ api }: Client, name: string, more: object = {}) =>
  api.add('pods', { metadata: { name, labels: { app: 'screwdriver' } }, spec: { containers: [] }, status: {}, ...more })

/** An API server whose kubelet leaves pods alone. */
async function begin(): Promise<Client> {
  const client = await start()
  client.api.scenario(/./, [])
  return client
}

function feedOf(client: Client): { feed: Feed<V1Pod>; seen: string[]; api: BuildApi } {
  const api = connect(executorOf(), { KUBECONFIG: client.api.kubeconfig }, { clock: testClock() })
  const feed = api.feed<V1Pod>('pods', selector)
  feeds.push(feed)
  const seen: string[] = []
  feed.subscribe(({ type, object }) => seen.push(`${type} ${object.metadata?.name}`))
  feed.start()
  return { feed, seen, api }
}

const remove = async ({ core, api }: Client, name: string) => {
  await core.deleteNamespacedPod({ namespace: api.namespace, name, gracePeriodSeconds: 0 })
}
const rename = ({ api }: Client, name: string, phase: string) =>
  api.change('pods', name, (pod) => ({ ...pod, status: { phase } }))

describe('a feed', () => {
  it('tells of what is there, comes, changes and goes, to all that listen', async () => {
    const client = await begin()
    add(client, 'a')
    client.api.add('pods', { metadata: { name: 'other' }, spec: { containers: [] }, status: {} })
    const { feed, seen, api } = feedOf(client)
    await until('the list', () => seen.length === 1)
    const more: string[] = []
    const end = api.feed<V1Pod>('pods', selector).subscribe(({ object }) => more.push(object.metadata?.name ?? ''))
    add(client, 'b')
    rename(client, 'a', 'Running')
    await until('three changes', () => seen.length === 3)
    expect(seen).toEqual(['set a', 'set b', 'set a'])
    expect(feed.get('a')?.status?.phase).toBe('Running')
    expect(feed.get('a')?.metadata?.creationTimestamp).toBeInstanceOf(Date)
    end()
    await remove(client, 'a')
    await until('it is gone', () => feed.get('a') === undefined)
    expect(seen.at(-1)).toBe('deleted a')
    expect(more).toEqual(['b', 'a'])
    expect(feed.all().map(({ metadata }) => metadata?.name)).toEqual(['b'])
    expect(client.api.watchCount).toBe(1)
  })

  it('goes on where it was when connections break, without listing again', async () => {
    const client = await begin()
    add(client, 'a')
    const { seen } = feedOf(client)
    await until('the list', () => client.api.watchCount === 1)
    client.api.dropConnections()
    add(client, 'b')
    await until('what came meanwhile', () => seen.includes('set b'))
    client.api.endWatches()
    add(client, 'c')
    await until('what came then', () => seen.includes('set c'))
    client.api.faults.next('GET', /watch=true/, { truncateAfterBytes: 900 })
    client.api.endWatches()
    for (const name of ['d', 'é', 'f']) add(client, `x-${name === 'é' ? 'e' : name}`, { status: { message: 'ééé' } })
    await until('all', () => seen.length === 6)
    expect(new Set(seen).size).toBe(6)
    expect(client.api.requests.filter(({ path }) => !path.includes('watch=true'))).toHaveLength(1)
  })

  it('lists again once its version is forgotten, and tells what vanished meanwhile', async () => {
    const client = await begin()
    for (const name of ['a', 'b', 'c']) add(client, name)
    const { feed, seen } = feedOf(client)
    await until('the watch', () => client.api.watchCount === 1)
    client.api.faults.next('GET', /watch=true/, { status: 500 })
    client.api.dropConnections()
    await remove(client, 'a')
    await remove(client, 'b')
    add(client, 'b')
    rename(client, 'c', 'Running')
    client.api.compact()
    await until('the new state', () => feed.get('c')?.status?.phase === 'Running')
    expect(seen.slice(0, 3)).toEqual(['set a', 'set b', 'set c'])
    expect(seen.slice(3).toSorted()).toEqual(['missing a', 'missing b', 'set b', 'set c'])
    expect(seen.indexOf('missing b')).toBeLessThan(seen.lastIndexOf('set b'))
  })

  it('says how long the server has not been heard of, and why', async () => {
    const client = await begin()
    const { feed } = feedOf(client)
    await until('the watch', () => client.api.watchCount === 1)
    await testClock().advance(60_000)
    expect(feed.silentMs()).toBe(0)
    client.api.faults.always('GET', /./, { status: 503 })
    client.api.dropConnections()
    await until('the trouble', () => feed.trouble?.message.includes('503'))
    const before = feed.silentMs()
    await testClock().advance(60_000)
    expect(feed.silentMs()).toBeCloseTo(before + 60_000)
    client.api.faults.clear()
    await until('it is open again', () => feed.silentMs() === 0)
    expect(feed.trouble).toBeUndefined()
  })

  it('does not count a quiet watch as silence, once that has come to its end', async () => {
    let end = () => {}
    const watches = [new Promise<void>((resolve) => (end = resolve)), new Promise<void>(() => {})]
    let asked = 0
    const source: FeedSource<V1Pod> = {
      list: async () => ({ version: '1', items: [] }),
      watch: async (_version, _seconds, signal) => {
        const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        const over = watches[asked++]!
        // The second has no answer yet.
        if (asked > 1) await Promise.race([over, stopped])
        return quietUntil(() => Promise.race([over, stopped]))
      },
    }
    const clock = testClock()
    const feed = new WatchFeed(source, { clock })
    feeds.push(feed)
    feed.start()
    await until('the watch', () => asked === 1)
    await clock.advance(400_000)
    end()
    await until('the next', () => asked === 2)
    expect(feed.silentMs()).toBe(0)
    await clock.advance(1000)
    expect(feed.silentMs()).toBe(1000)
  })

  it('counts its own pause between two watches as none, and makes none that grows after a long one', async () => {
    const clock = testClock()
    const pauses: number[] = []
    let endedMs = 0
    const source: FeedSource<V1Pod> = {
      list: async () => ({ version: '1', items: [] }),
      watch: async (_version, _seconds, signal) => {
        pauses.push(clock.now() - endedMs)
        return quietUntil(async () => {
          await clock.sleep(300_000, signal)
          endedMs = clock.now()
        })
      },
    }
    const feed = new WatchFeed(source, { clock, firstRetryMs: 40, random: () => 1 })
    feeds.push(feed)
    feed.start()
    await until('five watches', () => {
      expect(feed.silentMs()).toBe(0)
      return pauses.length === 5
    })
    expect(pauses).toEqual([0, 40, 40, 40, 40])
  })

  it('lists in pages, and asks for bookmarks and an end of the watch after 5 to 10 minutes', async () => {
    const client = await begin()
    for (let index = 0; index < 600; index++) add(client, `p-${index}`)
    const { feed } = feedOf(client)
    await until('all', () => feed.all().length === 600)
    await until('the watch', () => client.api.watchCount === 1)
    const queries = client.api.requests.map(({ path }) => new URL(path, 'https://a.test').searchParams)
    expect(queries.map((query) => [query.get('limit'), query.has('continue')])).toEqual([
      ['250', false],
      ['250', true],
      ['250', true],
      [null, false],
    ])
    expect(queries.at(-1)!.get('allowWatchBookmarks')).toBe('true')
    const seconds = Number(queries.at(-1)!.get('timeoutSeconds'))
    expect(seconds).toBeGreaterThanOrEqual(300)
    expect(seconds).toBeLessThanOrEqual(600)
  })

  it('stops at once, also while it waits or lists', async () => {
    const client = await begin()
    client.api.faults.always('GET', /./, { silent: true })
    const { feed } = feedOf(client)
    await until('the request', () => client.api.requests.length === 1)
    const before = testClock().now()
    await feed.stop()
    expect(testClock().now()).toBe(before)
  })
})

describe('a feed whose watch', () => {
  type Event = WatchEvent<V1Pod>
  const pod = (name: string, resourceVersion: string): V1Pod => ({ metadata: { name, resourceVersion, uid: name } })

  /** Watches as they come, each a list of events; the last goes on. */
  async function run(watches: (Event[] | Error)[], lists: V1Pod[][] = [[]]) {
    const from: string[] = []
    let listed = 0
    let hasAll = () => {}
    const all = new Promise<void>((resolve) => {
      hasAll = resolve
    })
    const source: FeedSource<V1Pod> = {
      list: async () => {
        const items = lists[Math.min(listed, lists.length - 1)]!
        return { version: `list-${++listed}`, items }
      },
      watch: async (version, _, signal) => {
        from.push(version)
        const events = watches.shift()
        if (events instanceof Error) throw events
        return (async function* () {
          yield* events ?? []
          if (watches.length > 0) return
          hasAll()
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
        })()
      },
    }
    const feed = new WatchFeed(source, { firstRetryMs: 1, mostRetryMs: 5 })
    feeds.push(feed)
    const seen: string[] = []
    feed.subscribe(({ type, object }) => seen.push(`${type} ${object.metadata?.name}`))
    feed.start()
    await all
    return { from, listed, seen }
  }
  const gone: Event = { type: 'ERROR', code: 410, message: 'too old resource version' }

  it('says 410 within the stream goes back to a list', async () => {
    const { from, seen } = await run([[{ type: 'ADDED', object: pod('a', '7') }, gone], []], [[], [pod('b', '9')]])
    expect(from).toEqual(['list-1', 'list-2'])
    expect(seen).toEqual(['set a', 'missing a', 'set b'])
  })
  it('ends goes on from the last event or bookmark', async () => {
    const bookmark: Event = { type: 'BOOKMARK', resourceVersion: '12' }
    const { from, seen } = await run([[{ type: 'ADDED', object: pod('a', '7') }], [bookmark], []])
    expect(from).toEqual(['list-1', '7', '12'])
    expect(seen).toEqual(['set a'])
  })
  it('fails again and again begins anew', async () => {
    const failure = () => Object.assign(new Error('x'), { code: 'ECONNRESET' })
    const { from } = await run([failure(), failure(), failure(), []])
    expect(from).toEqual(['list-1', 'list-1', 'list-1', 'list-2'])
  })
  it('tells of another object by the same name, in both words', async () => {
    const other = { ...pod('a', '9'), metadata: { name: 'a', resourceVersion: '9', uid: 'new' } }
    const { seen } = await run([[{ type: 'ADDED', object: other }]], [[pod('a', '1')]])
    expect(seen).toEqual(['set a', 'missing a', 'set a'])
  })
})
