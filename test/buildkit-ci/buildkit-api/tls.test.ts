import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BuildkitConnection } from '../../../examples/buildkit-ci/buildkit-api/connection.js'
import { FakeBuildkit } from '../../fakes/buildkit/index.js'
import { type CertificateFiles, certificate } from '../../support/certificate.js'

const folder = mkdtempSync(join(tmpdir(), 'bk-tls-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('a daemon with mutual TLS', () => {
  let fake: FakeBuildkit
  let own: CertificateFiles
  beforeAll(async () => {
    own = certificate(folder, 'own', 'buildkitd')
    const [cert, key] = [readFileSync(own.cert), readFileSync(own.key)]
    fake = await FakeBuildkit.start({ address: '127.0.0.1:0', tls: { ca: cert, cert, key } })
  })
  afterAll(() => fake.kill())

  const ask = async (tls: CertificateFiles & { serverName?: string }) => {
    using connection = new BuildkitConnection({ address: `tcp://127.0.0.1:${fake.port}`, tls })
    return (await connection.ask(10_000)).kind
  }

  it('answers a client with its certificate, by the name that is asked for', async () => {
    expect(await ask({ ...own, serverName: 'buildkitd' })).toBe('answered')
  })

  it('is not taken for another name', async () => {
    expect(await ask({ ...own, serverName: 'elsewhere' })).toBe('absent')
  })

  it('is not reached with a foreign certificate', async () => {
    const foreign = certificate(folder, 'foreign', 'buildkitd')
    expect(await ask({ ...foreign, caCert: own.caCert, serverName: 'buildkitd' })).toBe('absent')
  })

  it('wants files that can be read, and their absence is an error with a remedy', () => {
    const tls = { ...own, key: join(folder, 'none') }
    expect(() => new BuildkitConnection({ address: 'tcp://127.0.0.1:1', tls })).toThrow(
      expect.objectContaining({ code: 'TLS_FILE', remedy: expect.stringContaining('Secret') }),
    )
  })
})
