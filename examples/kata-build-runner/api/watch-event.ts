import { ApiException, type V1Job, type V1Pod } from '@kubernetes/client-node'

/** What a line of a watch holds. */
export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; resourceVersion: string }
  | { type: 'ERROR'; code: number; message: string }

/** The status of a version that the server has forgotten, as an answer or as an event. */
export const expired = 410

export type FeedChange<T> = { type: 'set' | 'deleted'; object: T } | { type: 'bookmark'; version: string }

/** @throws ApiException for an event that is an error: it comes in an answer that was 200 */
export function changeOf<T extends V1Job | V1Pod>(event: WatchEvent<T>): FeedChange<T> {
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
      return { type: 'set', object: event.object }
    case 'DELETED':
      return { type: 'deleted', object: event.object }
    case 'BOOKMARK':
      return { type: 'bookmark', version: event.resourceVersion }
    case 'ERROR':
      throw new ApiException(event.code, 'in a watch', { message: event.message }, {})
  }
}
