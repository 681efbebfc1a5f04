import { describe, expect, it } from 'vitest'
import { RegistryClient } from '../../../examples/buildkit-ci/registry/api/client.js'
import { endpointOf } from '../../../examples/buildkit-ci/registry/api/endpoint.js'
import { Transport } from '../../../examples/buildkit-ci/registry/api/transport.js'
import { OciRegistry } from '../../fakes/oci-registry.js'
import { digestOf } from '../../support/oci-layout.js'

const digest = digestOf('an image')

/** A registry, and a client that does not try again. */
async function asked() {
  const registry = await OciRegistry.start()
  const client = new RegistryClient(new Transport(endpointOf(registry.address), { patienceMs: 0 }))
  return { registry, client }
}

describe('the refusal of a registry', () => {
  it.each([
    [403, 'use credentials that may read and delete there'],
    [405, 'storage.delete.enabled'],
    [429, '--requests-per-second'],
    [500, "see the registry's own log"],
  ])('with %i says what was refused and why, and what to do', async (status, remedy) => {
    const { registry, client } = await asked()
    const errors = [{ code: 'DENIED', message: 'the project\nis locked' }, { code: 'OTHER' }]
    registry.refusals.push({ status, body: JSON.stringify({ errors }) })
    await expect(client.deleteManifest('app', digest)).rejects.toMatchObject({
      ...{ code: 'API', remedy: expect.stringContaining(remedy) },
      message:
        `registry ${registry.address} refused DELETE /v2/app/manifests/${digest} with ${status}: ` +
        'DENIED: the project is locked',
    })
  })

  it.each(['<html>502 Bad Gateway</html>', '{"errors": "none"}', ''])(
    'has no words of its own in the body %j',
    async (body) => {
      const { registry, client } = await asked()
      registry.refusals.push({ status: 403, body })
      await expect(client.deleteManifest('app', digest)).rejects.toThrow(/with 403$/)
    },
  )
})

describe('a registry that is not there', () => {
  it('is an error that has the cause, and the ways to reach it', async () => {
    const { registry, client } = await asked()
    const { address } = registry
    registry.close()
    await expect(client.tags('app')).rejects.toMatchObject({
      code: 'CONNECTION',
      message: expect.stringMatching(/: no answer to GET \/v2\/app\/tags\/list\?n=100: .*ECONNREFUSED/),
      remedy: expect.stringContaining(`http://${address}/v2/`),
    })
  })
})

describe('what is not there', () => {
  it.each([
    ['a repository', (client: RegistryClient) => client.tags('app'), []],
    ['a manifest', (client: RegistryClient) => client.manifest('app', digest), undefined],
    ['a tag', (client: RegistryClient) => client.digestOf('app', 'v1'), undefined],
    ['a blob', (client: RegistryClient) => client.blob('app', digest), undefined],
    ['a manifest to delete', (client: RegistryClient) => client.deleteManifest('app', digest), false],
  ])('is no error: %s', async (_, ask, answer) => {
    const { registry, client } = await asked()
    registry.refusals.push({ status: 404 })
    expect(await ask(client)).toEqual(answer)
  })
})

describe('an answer that cannot be right is refused, for deletes are planned by it', () => {
  it('pages that lead to each other', async () => {
    const { registry, client } = await asked()
    const page = (last: string) => ({
      ...{ status: 200, body: '{"tags":["v1"]}' },
      headers: { link: `</v2/app/tags/list?last=${last}>; rel="next"` },
    })
    registry.refusals.push(page('a'), page('b'), page('a'))
    await expect(client.tags('app')).rejects.toMatchObject({
      message: expect.stringContaining('the pages of /v2/app/tags/list?n=100 do not end'),
      remedy: expect.stringContaining('nothing is deleted'),
    })
  })

  it.each([
    ['tags that are no JSON', (client: RegistryClient) => client.tags('app'), 'the answer to GET /v2/app/tags/list'],
    [
      'referrers that are no JSON',
      (client: RegistryClient) => client.referrers('app', digest),
      `the answer to GET /v2/app/referrers/${digest}`,
    ],
  ])('%s', async (_, ask, message) => {
    const { registry, client } = await asked()
    registry.refusals.push({ status: 200, body: '<html>' })
    await expect(ask(client)).rejects.toThrow(message)
  })

  it('a manifest that is no JSON', async () => {
    const { registry, client } = await asked()
    registry.refusals.push({ status: 200, body: '<html>' })
    await expect(client.manifest('app', digestOf('<html>'))).rejects.toThrow(
      `manifest app@${digestOf('<html>')} cannot be read`,
    )
  })

  it('a list of referrers, as older clients write it, that is no JSON', async () => {
    const { registry, client } = await asked()
    registry.refusals.push({ status: 404 }, { status: 200, body: '<html>' })
    await expect(client.referrers('app', digest)).rejects.toThrow(`the list of referrers of app@${digest}`)
  })
})
