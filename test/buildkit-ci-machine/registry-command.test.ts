import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Region } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { whyNotWith } from '../support/needs.js'
import { Program } from '../support/program.js'
import { until } from '../support/until.js'

const whyNot = whyNotWith('buildkit-ci registry', { 'docker-registry': 'docker-registry' })
const main = join(import.meta.dirname, '../../dist-programs/examples/buildkit-ci/main.js')
const folder = mkdtempSync(join(tmpdir(), 'buildkit-ci-registry-command-'))
const region = `test-registry-${process.pid}`

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  rmSync(`/dev/shm/${region}`, { force: true })
})

function registry(...flags: string[]): Program {
  const args = ['registry', '--storage', join(folder, 'storage'), '--listen', '127.0.0.1:0', ...flags]
  return Program.run(process.execPath, [main, ...args], { SHM_LIVENESS_REGION: region })
}

describe.skipIf(whyNot !== undefined)('buildkit-ci registry', () => {
  it('serves, beats while the registry answers, collects at SIGHUP, and ends well at SIGTERM', async () => {
    const program = registry()
    const port = /registry on port (\d+)/.exec(await program.complained('registry on port'))?.[1]
    expect((await fetch(`http://127.0.0.1:${port}/v2/`)).status).toBe(200)
    await until('it beats', () => {
      const [worker] = Region.open(region).workers()
      return worker !== undefined && worker.name === 'registry' && worker.beats > 0
    })
    program.send('SIGHUP')
    await program.complained('garbage collected: 0 blobs removed, 0 of pushes in flight kept')
    program.send('SIGTERM')
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(Region.open(region).workers()[0]?.state).toBe('stopped')
  })

  it('says what to do if there is no such program', async () => {
    const program = registry('--program', '/no/such/registry')
    expect(await program.ended).toMatchObject({ code: 3 })
    expect(program.stderr).toMatch(
      /the registry did not start: \/no\/such\/registry: .*ENOENT\n {2}what to do: name distribution's program/,
    )
  })

  it('refuses a duration that no timer takes', async () => {
    const program = registry('--collect-every', '1000h')
    expect(await program.ended).toMatchObject({ code: 2 })
    expect(program.stderr).toContain('Must be a duration with its unit, such as 90s or 10m, of at most 576h.')
  })
})
