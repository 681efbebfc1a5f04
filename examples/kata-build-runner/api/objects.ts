import type { V1Job, V1Pod } from '@kubernetes/client-node'
// client-node does not export it, and its own Watch gives out objects whose times are text, unlike their types say.
import { ObjectSerializer } from '@kubernetes/client-node/dist/gen/models/ObjectSerializer.js'
import type { WatchEvent } from './watch-event.js'

export type FeedKind = 'jobs' | 'pods'

const models = { jobs: 'V1Job', pods: 'V1Pod' } as const

/** An event as its type says, of objects without what a feed need not hold: who set which field is half of each. */
export function eventOf<T extends V1Job | V1Pod>(kind: FeedKind, value: unknown): WatchEvent<T> {
  const { type, object } = value as WatchEvent<T>
  if (type === 'ERROR') return { type, object }
  return { type, object: trimmed(ObjectSerializer.deserialize(object, models[kind], '') as T) }
}

export function trimmed<T extends V1Job | V1Pod>(object: T): T {
  delete object.metadata?.managedFields
  return object
}
