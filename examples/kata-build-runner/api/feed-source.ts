import { BatchV1Api, CoreV1Api, type KubeConfig, type V1Job, type V1Pod } from '@kubernetes/client-node'
import type { Clock } from '../model/clock.js'
import type { Agents } from './agents.js'
import type { Calls } from './calls.js'
import type { FeedSource } from './feed.js'
import { jsonLines } from './json-lines.js'
import { eventOf, type FeedKind, objectOf } from './objects.js'
import { allPages, type Page, pageOf } from './pages.js'
import { requestOptions } from './request-options.js'
import { openStream } from './stream.js'
import type { WatchEvent } from './watch-event.js'

export interface FeedOf {
  kind: FeedKind
  selector: string
  namespace: string
}

/** How long the answer to a watch may take: its head comes at once, whether or not there are events. */
const answerMs = 30_000
/**
 * A watch in which nothing comes for so long is dead: there is a bookmark each minute (`bookmarkFrequency` of the API
 * server's cacher). One that sends none loses nothing but the connection.
 */
const idleMs = 150_000

const paths = { jobs: '/apis/batch/v1', pods: '/api/v1' } as const

/** A feed's objects from the API server. */
export function feedSource<T extends V1Job | V1Pod>(
  config: KubeConfig,
  calls: Calls,
  agents: Agents,
  clock: Clock,
  { kind, selector, namespace }: FeedOf,
): FeedSource<T> {
  const ask = listerOf(config, agents, kind)
  const path = `${paths[kind]}/namespaces/${namespace}/${kind}`
  return {
    async list(stopping) {
      const asked = { namespace, labelSelector: selector }
      const { items, version } = await allPages((page) =>
        calls.call(
          `list ${kind}`,
          async (signal) => pageOf(await ask({ ...asked, ...page }, signal), (item) => objectOf<T>(kind, item)),
          stopping,
        ),
      )
      return { version, items }
    },
    async watch(version, timeoutSeconds, signal) {
      const query = {
        ...{ watch: 'true', allowWatchBookmarks: 'true', labelSelector: selector, resourceVersion: version },
        timeoutSeconds: String(timeoutSeconds),
      }
      const options = { query, signal, clock, answerMs, idleMs }
      const stream = await calls.open(`watch ${kind}`, () => openStream(config, agents, path, options))
      return events(kind, stream)
    },
  }
}

async function* events<T extends V1Job | V1Pod>(
  kind: FeedKind,
  stream: AsyncIterable<Buffer>,
): AsyncGenerator<WatchEvent<T>> {
  for await (const value of jsonLines(stream)) yield eventOf<T>(kind, value)
}

type Lister = (
  asked: { namespace: string; labelSelector: string; limit: number; _continue?: string },
  signal: AbortSignal,
) => Promise<Page<V1Job | V1Pod>>

function listerOf(config: KubeConfig, agents: Agents, kind: FeedKind): Lister {
  if (kind === 'jobs') {
    const api = config.makeApiClient(BatchV1Api)
    return (asked, signal) => api.listNamespacedJob(asked, requestOptions(agents, signal))
  }
  const api = config.makeApiClient(CoreV1Api)
  return (asked, signal) => api.listNamespacedPod(asked, requestOptions(agents, signal))
}
