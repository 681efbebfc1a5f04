/** What a request means to garbage collection, by its method and path (the OCI distribution specification's end-points). */
export type RequestKind =
  /** Ends an upload, or brings a blob at once: mounted from another repository, or in one POST. */
  | { kind: 'put-blob'; repository: string; digest: string }
  /** Asks whether a blob is there: a push does not send what is. */
  | { kind: 'check-blob'; repository: string; digest: string }
  | { kind: 'put-manifest'; repository: string }
  | { kind: 'delete' }
  /** Changes nothing that garbage collection looks at: a read, or a piece of an upload. */
  | { kind: 'other' }

const place = /^\/v2\/(.+)\/(blobs|manifests)\/(.+)$/

export function requestKindOf(method: string, url: string): RequestKind {
  const { pathname, searchParams } = new URL(url, 'http://registry')
  const [, repository = '', resource, rest = ''] = place.exec(pathname) ?? []
  if (method === 'DELETE' && resource !== undefined) return { kind: 'delete' }
  if (method === 'PUT' && resource === 'manifests') return { kind: 'put-manifest', repository }
  if (resource !== 'blobs') return { kind: 'other' }
  if (method === 'HEAD') return { kind: 'check-blob', repository, digest: rest }
  const digest = searchParams.get('mount') ?? searchParams.get('digest')
  const isEnd = (method === 'PUT' || method === 'POST') && rest.startsWith('uploads')
  return isEnd && digest !== null ? { kind: 'put-blob', repository, digest } : { kind: 'other' }
}
