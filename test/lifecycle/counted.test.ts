import { rmSync, statSync, truncateSync } from 'node:fs'
import { Heartbeat } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { beatOf } from '../../lib/internal/beats.js'
import { claim, only } from '../support/held.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { until, untilHolds } from '../support/until.js'

const counted = { clock: 'counted', maxAge: '100ms' } as const

async function flatOut(region = uniqueRegion()): Promise<{ region: string; loop: Program }> {
  const loop = Program.fixture('counts-flat-out', [region, counted.maxAge])
  await loop.said('compiled')
  await until('a sample has seen the loop', () => only(region).beats > 1_000_000)
  return { region, loop }
}

describe('a counted heartbeat', () => {
  it('beats in compiled code, and readers know each beat and how it beats', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region, { ...counted, maxAge: '1h' })
    expect(heartbeat.implementation).toBe('compiled')
    for (let i = 0; i < 1_000; i++) expect(heartbeat.beat()).toBe(true)
    expect(only(region)).toMatchObject({ clock: 'counted', beats: 1_000, state: 'running' })
  })

  it('is stamped while it beats by its event loop, and says how long its cycles are', async () => {
    const region = uniqueRegion()
    const heartbeat = claim(region, counted)
    const timer = setInterval(heartbeat.beat, 1)
    const { histogram } = await untilHolds(
      'cycles were timed',
      () => only(region),
      ({ histogram }) => histogram.some((count) => count > 20),
    )
    clearInterval(timer)
    const usual = histogram.findIndex((count) => count > 20)
    expect(2 ** usual).toBeGreaterThan(250_000)
    expect(2 ** usual).toBeLessThan(100_000_000)
  })

  it('has its late cycles counted, as far as samples can tell', async () => {
    const region = uniqueRegion()
    const heartbeat = claim(region, { ...counted, maxAge: '200ms', cycleLimit: '60ms' })
    heartbeat.beat()
    await until('the beat is stamped', () => {
      const { lastBeatAgoMs, claimedAgoMs } = only(region)
      return (lastBeatAgoMs ?? claimedAgoMs) < claimedAgoMs
    })
    await until('it has been silent for long', () => only(region).ageMs > 150)
    await until('it is late', () => heartbeat.beat() && only(region).lateCycles > 0)
    expect(only(region).worstCycleMs).toBeGreaterThan(60)
  })

  it('says false after stop(), which stamps what was counted', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region, counted)
    for (let i = 0; i < 77; i++) heartbeat.beat()
    heartbeat.stop()
    expect(heartbeat.beat()).toBe(false)
    expect(only(region)).toMatchObject({ state: 'stopped', beats: 77 })
  })

  it('counts by calls into the addon where the engine takes no memory but its own', () => {
    const beats: number[] = []
    const native = { words: null, id: 7, beat: () => beats.push(-1) > 0 }
    const words = new Int32Array(2)
    const shared = { words: words.buffer, beat: () => void beats.push(words[0] as number) }
    expect(beatOf(shared, native as never)()).toBe(true)
    expect(beats).toEqual([7])
  })

  it('leaves other clocks to the addon', () => {
    expect(claim(uniqueRegion()).implementation).toBe('native')
    expect(claim(uniqueRegion(), { clock: 'coarse' }).implementation).toBe('native')
  })
})

describe('a loop of counted beats that never waits', () => {
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
