import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BuildkitConnection } from '../../../examples/buildkit-ci/buildkit-api/connection.js'
import { FakeBuildkit } from '../../fakes/buildkit/index.js'

const folder = mkdtempSync(join(tmpdir(), 'bk-tls-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A certificate that signed itself: authority, daemon and client in one. */
function certificate(name: string, host: string): { caCert: string; cert: string; key: string } {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)] as [string, string]
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
  execFileSync('openssl', ['req', '-x509', ...ec, '-days', '2', ...subject, '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  })
  return { caCert: cert, cert, key }
}

describe('a daemon with mutual TLS', () => {
  let fake: FakeBuildkit
  let own: ReturnType<typeof certificate>
  beforeAll(async () => {
    own = certificate('own', 'buildkitd')
    const [cert, key] = [readFileSync(own.cert), readFileSync(own.key)]
    fake = await FakeBuildkit.start({ address: '127.0.0.1:0', tls: { ca: cert, cert, key } })
  })
  afterAll(() => fake.kill())

  const ask = async (tls: ReturnType<typeof certificate> & { serverName?: string }) => {
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
    const foreign = certificate('foreign', 'buildkitd')
    expect(await ask({ ...foreign, caCert: own.caCert, serverName: 'buildkitd' })).toBe('absent')
  })

  it('wants files that can be read, and their absence is an error with a remedy', () => {
    const tls = { ...own, key: join(folder, 'none') }
    expect(() => new BuildkitConnection({ address: 'tcp://127.0.0.1:1', tls })).toThrow(
      expect.objectContaining({ code: 'TLS_FILE', remedy: expect.stringContaining('Secret') }),
    )
  })
})
