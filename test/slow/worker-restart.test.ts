import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { Heartbeat, Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { Container, killInside } from '../support/container.js'
import { letPass } from '../support/poke.js'
import { probe, probeAll } from '../support/probe.js'
import { Program } from '../support/program.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { until, untilHolds } from '../support/until.js'
import { WorkerProcess } from '../support/worker-process.js'

const claim = (region: string, name = 'grabber') => ({ region, name, maxAge: '20s' })
const stalled = /^stalled: grabber no beat since its claim/

describe('a crash loop before the first beat', () => {
  const grace = (region: string, startupGrace: string) => probe(['--region', region, '--startup-grace', startupGrace])
  const healthy = { code: 0, stdout: '' }

  it('has a grace of its own three times, and not for ever', async () => {
    const region = uniqueRegion()
    for (let life = 0; life < 3; life++) {
      const worker = await WorkerProcess.claim(claim(region))
      expect(await grace(region, '30s'), `life ${life}`).toMatchObject(healthy)
      letPass(region, 40)
      expect((await grace(region, '30s')).stdout).toMatch(stalled)
      await worker.kill()
    }
    for (let life = 3; life < 6; life++) {
      const worker = await WorkerProcess.claim(claim(region))
      expect(await grace(region, '1h')).toMatchObject(healthy)
      expect((await grace(region, '30s')).stdout, `life ${life}`).toMatch(stalled)
      await worker.kill()
    }
  })

  it('is healthy again once one of them has beaten', async () => {
    const region = uniqueRegion()
    const first = await WorkerProcess.claim(claim(region))
    letPass(region, 40)
    await first.ask({ do: 'beat' })
    expect(await grace(region, '30s')).toMatchObject(healthy)
    await first.kill()
    await WorkerProcess.claim(claim(region))
    expect(await grace(region, '30s')).toMatchObject(healthy)
  })

  it('in its first phase has the budget of that phase three times, and then shares the end of the third', async () => {
    const region = uniqueRegion()
    const inPhase = async () => {
      const worker = await WorkerProcess.claim(claim(region))
      await worker.ask({ do: 'phase', name: 'load', budget: '1m' })
      return worker
    }
    for (let life = 0; life < 3; life++) {
      const worker = await inPhase()
      expect(await grace(region, '0'), `life ${life}`).toMatchObject(healthy)
      letPass(region, 50)
      expect(await grace(region, '0')).toMatchObject(healthy)
      await worker.kill()
    }
    const fourth = await inPhase()
    expect(await grace(region, '0')).toMatchObject(healthy)
    letPass(region, 20) // 70 s since the third began its phase
    expect(await grace(region, '0')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^stalled: grabber no beat/),
    })
    await fourth.kill()
  })
})

describe('a worker that is claimed again long after the start of its container', () => {
  /** Kept short, because it must pass once: the start of a container cannot be written into the region. */
  const graceOf = (container: Container, region: string) => () =>
    container.probe(['--region', region, '--startup-grace', '500ms'])

  it('has a grace of its own', async () => {
    const region = uniqueRegion()
    const container = await Container.start()
    const check = graceOf(container, region)
    await until('the container is older than the grace', async () => (await check()).code !== 0)
    // Again and again, because a crowded machine may take longer than the grace from the claim to the look.
    const second = await until('a new claim has its own grace', async () => {
      const first = await container.claim(claim(region))
      await first.ask({ do: 'beat' })
      await killInside(first)
      expect((await check()).stdout).toMatch(/^dead: grabber/)
      const worker = await container.claim(claim(region))
      const { code, stdout } = await check()
      if (code === 0) return worker
      expect(stdout).toMatch(stalled)
      await worker.ask({ do: 'beat' })
      await killInside(worker)
      return undefined
    })
    const found = await untilHolds('its grace is over', check, ({ code }) => code !== 0)
    expect(found.stdout).toMatch(stalled)
    await second.ask({ do: 'beat' })
    expect(await check()).toMatchObject({ code: 0 })
  })

  it('has one that begins with the container, if that is younger than the claim could be', async () => {
    const region = uniqueRegion()
    const container = await Container.start()
    expect(await container.probe(['--region', region, '--startup-grace', '1h'])).toMatchObject({ code: 0 })
    const found = await untilHolds('the grace is over', graceOf(container, region), ({ code }) => code !== 0)
    expect(found).toMatchObject({ code: 1, stdout: `missing: no region ${region}\n` })
    await container.claim(claim(region))
    expect(await container.probe(['--region', region, '--startup-grace', '1h'])).toMatchObject({ code: 0 })
  })
})

describe('stop() racing the probe', () => {
  it('is never a death, nor is the claim after it (400 looks)', async () => {
    const region = uniqueRegion()
    const racer = Program.fixture('claims-and-stops', [region])
    await racer.said('racing')
    const answers = await probeAll(Array(400).fill({ args: ['--region', region] }))
    expect(answers.filter(({ code, stdout, stderr }) => code !== 0 || stdout !== '' || stderr !== '')).toEqual([])
  })

  it('is never a death for readers in Node.js (100 looks)', async () => {
    const region = uniqueRegion()
    const racer = Program.fixture('claims-and-stops', [region])
    await racer.said('racing')
    const reader = Region.open(region)
    const lines = new Set<string>()
    const states = new Set<string>()
    for (let look = 0; look < 100; look++) {
      lines.add(reader.verdict().line.replace(/\d+\S* ago/, 'some time ago'))
      for (const { state } of reader.workers()) states.add(state)
    }
    expect([...lines].filter((line) => !/^(healthy|starting)/.test(line))).toEqual([])
    expect([...states].filter((state) => !['running', 'starting', 'stopped'].includes(state))).toEqual([])
  })
})

describe('an image upgrade that changes the layout while /dev/shm stays', () => {
  function rewriteVersion(region: string): void {
    const file = openSync(pathOf(region), 'r+')
    writeSync(file, Uint8Array.of(99), 0, 1, 8)
    closeSync(file)
  }

  it('replaces the region if nobody holds a slot in it', async () => {
    const region = uniqueRegion()
    Heartbeat.claim(claim(region)).stop()
    const before = statSync(pathOf(region)).ino
    rewriteVersion(region)
    expect(await probe(['--region', region])).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/^unusable: region \S+ .*\[REGION_VERSION\]\n$/),
    })
    expect(() => Region.open(region)).toThrow(expect.objectContaining({ code: 'REGION_VERSION' }))

    using heartbeat = Heartbeat.claim(claim(region))
    heartbeat.beat()
    expect(statSync(pathOf(region)).ino).not.toBe(before)
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
    expect(Region.open(region).workers()).toMatchObject([{ name: 'grabber', claims: 1, lastWords: null }])
  })

  it('is refused with REGION_IN_USE while somebody holds a slot, who beats on', async () => {
    const region = uniqueRegion()
    const old = await WorkerProcess.claim(claim(region, 'old'))
    await old.ask({ do: 'beat' })
    rewriteVersion(region)
    expect(() => Heartbeat.claim(claim(region))).toThrow(expect.objectContaining({ code: 'REGION_IN_USE' }))
    expect(await old.ask({ do: 'beat' })).toBe(true)
    expect(await probe(['--region', region])).toMatchObject({ code: 3 })
    await old.kill()
    using heartbeat = Heartbeat.claim(claim(region))
    heartbeat.beat()
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
  })
})
