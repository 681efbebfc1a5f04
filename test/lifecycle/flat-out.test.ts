import { rmSync, statSync, truncateSync } from 'node:fs'
import { Heartbeat } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { claim, only } from '../support/held.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { until, untilHolds } from '../support/until.js'

/** Each after a million beats, which V8 has optimized by then. */
const clocks = [
  { clock: 'counted', implementation: 'compiled' },
  { clock: 'coarse', implementation: 'fast' },
  { clock: 'precise', implementation: 'fast' },
]

describe.each(clocks)('a loop of $clock beats that never waits', ({ clock, implementation }) => {
  async function flatOut(region = uniqueRegion()): Promise<{ region: string; loop: Program }> {
    const loop = Program.fixture('loops-flat-out', [region, '100ms', clock])
    await loop.said(implementation)
    await until('a reader has seen the loop', () => only(region).beats > 1_000_000)
    return { region, loop }
  }

  it('is healthy, is stalled when it hangs, and is healthy again', async () => {
    const { region, loop } = await flatOut()
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
    loop.tell('hang')
    await loop.said('hung')
    const stalled = await untilHolds(
      'it is stalled',
      () => probe(['--region', region]),
      ({ code }) => code !== 0,
    )
    expect(stalled.stdout).toMatch(/^stalled: grabber last beat \S+ ago \(limit 100ms\)/)
    loop.tell('go')
    await until('it is healthy again', async () => (await probe(['--region', region])).code === 0)
  })

  it('is stalled while its process is stopped, helper and all, and is healthy when it goes on', async () => {
    const { region, loop } = await flatOut()
    loop.send('SIGSTOP')
    await until('it is stalled', async () => (await probe(['--region', region])).code !== 0)
    loop.send('SIGCONT')
    await until('it is healthy again', async () => (await probe(['--region', region])).code === 0)
  })

  it('may stop in the midst of it', async () => {
    const { region, loop } = await flatOut()
    loop.tell('stop')
    expect(await loop.said('stopped')).toBe('0')
    const { beats, state } = only(region)
    expect(state).toBe('stopped')
    // Its late beats reach nobody.
    expect(only(region).beats).toBe(beats)
    Heartbeat.claim({ region, name: 'grabber', maxAge: '1s' }).stop()
  })

  it.each<[string, (path: string) => void]>([
    ['removed', (path) => rmSync(path)],
    ['cut to nothing', (path) => truncateSync(path)],
    ['cut behind its header', (path) => truncateSync(path, 256)],
    [
      'cut, and made long again',
      (path) => {
        const { size } = statSync(path)
        truncateSync(path)
        truncateSync(path, size)
      },
    ],
  ])('survives that its region is %s, and claims it anew', async (_, harm) => {
    const { region, loop } = await flatOut()
    harm(pathOf(region))
    expect(await loop.said('again')).toBe('1')
    await until('it beats there', async () => (await probe(['--region', region])).code === 0)
    await until('its beats are seen', () => only(region).beats > 1_000_000)
  })

  it('is dead when it is killed, with its last words', async () => {
    const { region, loop } = await flatOut()
    const { beats } = only(region)
    await loop.kill()
    expect((await probe(['--region', region])).stdout).toMatch(
      /^dead: grabber died without stop\(\), last beat \S+ ago/,
    )
    claim(region)
    expect(only(region).lastWords?.beats).toBeGreaterThanOrEqual(beats)
  })
})
