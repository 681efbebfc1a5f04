import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { credentialsFor } from '../../../examples/buildkit-ci/registry/api/credentials.js'
import { endpointOf } from '../../../examples/buildkit-ci/registry/api/endpoint.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'docker-config-'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const registry = 'registry.example:5000'
const base64 = (text: string) => Buffer.from(text).toString('base64')
const auth = base64('ci:se:cret')
const inEntry = { user: 'ci', password: 'se:cret' }

/** What the docker config with this content has for a registry. */
function found(config: unknown, address = registry) {
  writeFileSync(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config))
  return credentialsFor(endpointOf(address), { DOCKER_CONFIG: folder })
}

/** A credential helper in PATH that answers by these lines of sh. */
function helper(name: string, lines: string): void {
  const path = join(folder, `docker-credential-${name}`)
  writeFileSync(path, `#!/bin/sh\n${lines}\n`)
  chmodSync(path, 0o755)
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`)
}

describe('the credentials of a registry', () => {
  it.each([registry, `https://${registry}`, `http://${registry}`, `https://${registry}/v2/`])(
    'are those of the entry %s',
    async (key) => {
      expect(await found({ auths: { [key]: { auth } } })).toMatchObject(inEntry)
    },
  )

  it.each(['https://index.docker.io/v1/', 'docker.io', 'registry-1.docker.io'])(
    'of Docker Hub are those of the entry %s',
    async (key) => {
      expect(await found({ auths: { [key]: { auth } } }, 'docker.io')).toMatchObject(inEntry)
    },
  )

  it('may be written without an encoding, as in a Secret', async () => {
    expect(await found({ auths: { [registry]: { username: 'ci', password: 'se:cret' } } })).toMatchObject(inEntry)
  })

  it('may have an identity token in place of a password', async () => {
    const entry = { auth: base64('00000000:'), identitytoken: 'refresh' }
    expect(await found({ auths: { [registry]: entry } })).toMatchObject({ password: '', identityToken: 'refresh' })
  })

  it('are none of another registry', async () => {
    expect(await found({ auths: { 'other.example': { auth } } })).toBeUndefined()
  })

  it('are none where nobody logged in', async () => {
    expect(await credentialsFor(endpointOf(registry), { DOCKER_CONFIG: folder })).toBeUndefined()
    expect(await found({ auths: { [registry]: {} } })).toBeUndefined()
  })

  it('that cannot be read are an error, and not none', async () => {
    mkdirSync(join(folder, 'config.json'))
    await expect(credentialsFor(endpointOf(registry), { DOCKER_CONFIG: folder })).rejects.toMatchObject({
      code: 'CONNECTION',
      message: expect.stringContaining(`cannot get credentials from ${folder}/config.json: EISDIR`),
    })
  })

  it.each([
    ['{"auths": {"x": {"auth": "se:cret"}', 'it is not JSON'],
    ['{"auths": {"x": {"auth": ["se:cret"]}}}', 'its keys are not those of docker'],
  ])('in %s are refused, by words that have no password', async (text, why) => {
    const error = await found(text).catch((error: Error) => error)
    expect(error).toMatchObject({ code: 'CONNECTION', message: expect.stringMatching(new RegExp(`${why}$`)) })
    expect(`${error}`).not.toContain('se:cret')
  })
})

describe('a credential helper', () => {
  const answer = (user: string, secret: string) => `echo '${JSON.stringify({ Username: user, Secret: secret })}'`

  it('is asked for the registry that it is named for', async () => {
    helper('cloud', `read -r server; [ "$1 $server" = 'get ${registry}' ] && ${answer('ci', 'se:cret')}`)
    const config = { credHelpers: { [registry]: 'cloud' }, auths: { [registry]: { auth: base64('old:password') } } }
    expect(await found(config)).toEqual(inEntry)
  })

  it('is asked as the store of all that have an empty entry, and of no other', async () => {
    helper('store', answer('ci', 'se:cret'))
    const config = { credsStore: 'store', auths: { [registry]: {} } }
    expect(await found(config)).toEqual(inEntry)
    expect(await found(config, 'other.example')).toBeUndefined()
  })

  it('may give an identity token', async () => {
    helper('cloud', answer('<token>', 'refresh'))
    expect(await found({ credHelpers: { [registry]: 'cloud' } })).toMatchObject({ identityToken: 'refresh' })
  })

  it('may have none', async () => {
    helper('cloud', 'echo credentials not found in native keychain; exit 1')
    expect(await found({ credHelpers: { [registry]: 'cloud' } })).toBeUndefined()
  })

  it('that fails is an error, with what it said', async () => {
    helper('cloud', 'echo locked >&2; exit 1')
    await expect(found({ credHelpers: { [registry]: 'cloud' } })).rejects.toMatchObject({
      code: 'CONNECTION',
      message: expect.stringMatching(/^cannot get credentials from docker-credential-cloud: .*locked/s),
      remedy: expect.stringContaining('docker login'),
    })
  })

  it.each([
    ['{"Secret": "se:cret", }', 'its answer is not JSON'],
    ['{"Secret": "se:cret"}', 'its answer lacks Username or Secret'],
  ])('that answers %s is an error, by words that have no password', async (text, why) => {
    helper('cloud', `echo '${text}'`)
    const error = await found({ credHelpers: { [registry]: 'cloud' } }).catch((error: Error) => error)
    expect(error).toMatchObject({ message: `cannot get credentials from docker-credential-cloud: ${why}` })
    expect(`${error}`).not.toContain('se:cret')
  })

  it('that is not there is an error that names it', async () => {
    await expect(found({ credHelpers: { [registry]: 'cloud' } })).rejects.toThrow(/docker-credential-cloud ENOENT/)
  })
})
