import { describe, expect, it } from 'vitest'
import { type RequestKind, requestKindOf } from '../../../examples/buildkit-ci/registry/local/request-kind.js'

const digest = `sha256:${'a'.repeat(64)}`
const [repository, blob] = ['team/app', `/v2/team/app/blobs/${digest}`]
const upload = '/v2/team/app/blobs/uploads/'

/** What garbage collection must know of, by the distribution specification's end-points. */
const kinds: [request: string, kind: RequestKind][] = [
  [`PUT ${upload}7f3?digest=${digest}`, { kind: 'put-blob', repository, digest }],
  [`POST ${upload}?digest=${digest}`, { kind: 'put-blob', repository, digest }],
  [`POST ${upload}?mount=${digest}&from=team/base`, { kind: 'put-blob', repository, digest }],
  [`PUT ${upload}7f3?_state=x&digest=${digest.replace(':', '%3A')}`, { kind: 'put-blob', repository, digest }],
  [`HEAD ${blob}`, { kind: 'check-blob', repository, digest }],
  ['PUT /v2/team/app/manifests/v1', { kind: 'put-manifest', repository }],
  ['PUT /v2/team/blobs/manifests/v1', { kind: 'put-manifest', repository: 'team/blobs' }],
  [`DELETE ${blob}`, { kind: 'delete' }],
  ['DELETE /v2/team/app/manifests/v1', { kind: 'delete' }],
]

/** Reads, and pieces of an upload that has not ended. */
const others = [
  ...[`GET ${blob}`, 'GET /v2/team/app/manifests/v1', 'HEAD /v2/team/app/manifests/v1', 'GET /v2/'],
  ...[`POST ${upload}`, `PATCH ${upload}7f3`, `GET ${upload}7f3`, `PUT ${upload}7f3`],
  ...['GET /v2/team/app/tags/list', 'DELETE /v2/team/app/tags/v1', `PUT ${blob}?digest=${digest}`],
]

describe('a request to the registry', () => {
  it.each(kinds)('%s is one of a push or a delete', (request, kind) => {
    const [method, url] = request.split(' ') as [string, string]
    expect(requestKindOf(method, url)).toEqual(kind)
  })

  it.each(others)('%s changes nothing that is collected', (request) => {
    const [method, url] = request.split(' ') as [string, string]
    expect(requestKindOf(method, url)).toEqual({ kind: 'other' })
  })
})
