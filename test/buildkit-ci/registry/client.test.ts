import { describe, expect, it } from 'vitest'
import { challengesOf } from '../../../examples/buildkit-ci/registry/api/challenge.js'
import { RegistryClient } from '../../../examples/buildkit-ci/registry/api/client.js'
import { endpointOf } from '../../../examples/buildkit-ci/registry/api/endpoint.js'
import { Transport, type TransportOptions } from '../../../examples/buildkit-ci/registry/api/transport.js'
import { OciRegistry } from '../../fakes/oci-registry.js'
import { digestOf } from '../../support/oci-layout.js'

function clientOf(registry: OciRegistry, options: TransportOptions = {}): RegistryClient {
  return new RegistryClient(new Transport(endpointOf(registry.address), options))
}

const soon = { status: 429, headers: { 'retry-after': '0' } }

describe('a client of a registry', () => {
  it('reads all pages of tags', async () => {
    const registry = await OciRegistry.start()
    for (const tag of ['a', 'b', 'c', 'd', 'e']) registry.image('app', [tag], '2020-01-01')
    expect(await clientOf(registry).tags('app')).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(registry.requests).toHaveLength(3)
  })

  it('gets a token for each scope, once, with the credentials', async () => {
    const registry = await OciRegistry.start()
    registry.account = 'ci:secret'
    const digest = registry.image('app', ['v1'], '2020-01-01')
    const client = clientOf(registry, { credentials: { user: 'ci', password: 'secret' } })
    expect(await client.tags('app')).toEqual(['v1'])
    expect(await client.digestOf('app', 'v1')).toBe(digest)
    expect(await client.deleteManifest('app', digest)).toBe(true)
    expect(registry.requests.filter((request) => request.includes('/token'))).toHaveLength(2)
  })

  it('says so if its credentials are refused', async () => {
    const registry = await OciRegistry.start()
    registry.account = 'ci:secret'
    const client = clientOf(registry, { credentials: { user: 'ci', password: 'wrong' } })
    await expect(client.tags('app')).rejects.toMatchObject({
      code: 'CONNECTION',
      message: expect.stringMatching(
        /^cannot log in to 127.0.0.1:\d+: .* answered 401 when asked for a token for repository:app:pull$/,
      ),
    })
  })

  it('comes back when a rate limit lets it, and after what passes', async () => {
    const registry = await OciRegistry.start()
    registry.image('app', ['v1'], '2020-01-01')
    registry.refusals.push(soon, { status: 503, headers: { 'retry-after': '0' } }, soon)
    expect(await clientOf(registry).tags('app')).toEqual(['v1'])
    expect(registry.requests).toHaveLength(4)
  })

  it('gives up where a rate limit is longer than its patience, and says what to do', async () => {
    const registry = await OciRegistry.start()
    registry.refusals.push({ status: 429, headers: { 'retry-after': '3600' } })
    await expect(clientOf(registry).tags('app')).rejects.toMatchObject({
      code: 'API',
      message: expect.stringMatching(/refused GET \/v2\/app\/tags\/list\?n=100 with 429$/),
      remedy: expect.stringContaining('--requests-per-second'),
    })
  })

  it('refuses a manifest that has another digest than was asked for', async () => {
    const registry = await OciRegistry.start()
    const digest = digestOf('what it should be')
    registry.manifests.set(`app ${digest}`, '{}')
    await expect(clientOf(registry).manifest('app', digest)).rejects.toMatchObject({
      message: expect.stringContaining(`app@${digest} has another digest`),
    })
  })

  it('follows no page to another host', async () => {
    const registry = await OciRegistry.start()
    const link = '<https://elsewhere.example/v2/app/tags/list>; rel="next"'
    registry.refusals.push({ status: 200, headers: { link }, body: '{"tags":["v1"]}' })
    await expect(clientOf(registry).tags('app')).rejects.toMatchObject({
      message: expect.stringContaining('its next page is on another host, elsewhere.example'),
    })
    expect(registry.requests).toHaveLength(1)
  })

  it('finds referrers by the API, and by the tag of older clients where there is none', async () => {
    const registry = await OciRegistry.start()
    const digest = registry.image('app', ['v1'], '2020-01-01')
    const signature = registry.manifest('app', [], { subject: { digest } })
    expect(await clientOf(registry).referrers('app', digest)).toEqual([signature])
    registry.hasReferrersApi = false
    registry.manifest('app', [digest.replace(':', '-')], { manifests: [{ digest: signature }] })
    expect(await clientOf(registry).referrers('app', digest)).toEqual([signature])
  })

  it('takes a registry that cannot delete a tag alone at its word', async () => {
    const registry = await OciRegistry.start()
    registry.image('app', ['v1'], '2020-01-01')
    expect(await clientOf(registry).deleteTag('app', 'v1')).toBe(false)
    registry.canDeleteTags = true
    expect(await clientOf(registry).deleteTag('app', 'v1')).toBe(true)
  })
})

describe('the address of a registry', () => {
  it.each([
    ['localhost:5000', 'http://localhost:5000/'],
    ['registry.example', 'https://registry.example/'],
    ['http://registry:5000', 'http://registry:5000/'],
    ['docker.io', 'https://registry-1.docker.io/'],
  ])('%s is %s', (text, url) => {
    expect(endpointOf(text).url.href).toBe(url)
  })

  it.each(['', 'registry.example/app', 'https://user:password@registry.example', 'ftp://registry.example'])(
    '"%s" is none',
    (text) => {
      expect(() => endpointOf(text)).toThrow('is not the address of a registry')
    },
  )
})

describe('a challenge', () => {
  it('may have several schemes, quoted commas, and others that are left alone', () => {
    const header =
      'Negotiate, Bearer realm="https://auth.example/t,x",service=a, scope="repository:app:pull,push", Basic realm="r"'
    expect(challengesOf(header)).toEqual([
      {
        scheme: 'bearer',
        parameters: new Map([
          ['realm', 'https://auth.example/t,x'],
          ['service', 'a'],
          ['scope', 'repository:app:pull,push'],
        ]),
      },
      { scheme: 'basic', parameters: new Map([['realm', 'r']]) },
    ])
  })
})
