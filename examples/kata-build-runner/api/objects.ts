import type { V1Job, V1Pod } from '@kubernetes/client-node'
import { fieldsOf, numberOf, textOf } from './fields.js'
import { jobOf, malformed, podOf } from './projection.js'
import type { WatchEvent } from './watch-event.js'

export type FeedKind = 'jobs' | 'pods'

/** An object of a feed, as much of it as is judged. @throws ApiException if it is none */
export function objectOf<T extends V1Job | V1Pod>(kind: FeedKind, value: unknown): T {
  return (kind === 'jobs' ? jobOf(value) : podOf(value)) as T
}

/**
 * A line of a watch.
 *
 * @throws ApiException for an object of another shape: the caller asks again, as after any failure of the server
 */
export function eventOf<T extends V1Job | V1Pod>(kind: FeedKind, value: unknown): WatchEvent<T> {
  const { type, object } = fieldsOf(value)
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: objectOf<T>(kind, object) }
    case 'BOOKMARK': {
      const resourceVersion = textOf(fieldsOf(fieldsOf(object)['metadata'])['resourceVersion'])
      if (resourceVersion === undefined) throw malformed('a bookmark without a version')
      return { type, resourceVersion }
    }
    case 'ERROR': {
      const { code, message } = fieldsOf(object)
      return { type, code: numberOf(code) ?? 500, message: textOf(message) ?? 'an error without words' }
    }
    default:
      throw malformed(`an event of the unknown kind ${String(type).slice(0, 100)}`)
  }
}
