import { ApiException, type V1Job, type V1Pod } from '@kubernetes/client-node'

/** What a line of a watch holds. */
export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; object: T }
  | { type: 'ERROR'; object: { code?: number; message?: string } }

/** The status of a version that the server has forgotten, as an answer or as an event. */
export const expired = 410

/** @throws ApiException for an event that is an error: it comes in an answer that was 200 */
export function changeOf<T extends V1Job | V1Pod>(
  event: WatchEvent<T>,
): { type: 'set' | 'gone' | 'bookmark'; object: T } {
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
      return { type: 'set', object: event.object }
    case 'DELETED':
      return { type: 'gone', object: event.object }
    case 'BOOKMARK':
      return { type: 'bookmark', object: event.object }
    case 'ERROR':
      throw new ApiException(event.object.code ?? 500, 'in a watch', event.object, {})
    default:
      throw new ApiException(
        500,
        'in a watch',
        { message: `an event of an unknown kind: ${JSON.stringify(event)}` },
        {},
      )
  }
}
