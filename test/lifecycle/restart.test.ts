import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Heartbeat, Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { Container, killInside } from '../support/container.js'
import { type ProbeResult, probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { WorkerProcess } from '../support/worker-process.js'

const claim = (region: string, name = 'grabber') => ({ region, name, maxAge: '20s' })
const stalled = /^stalled: grabber no beat since its claim/

describe('a crash loop before the first beat', () => {
  /** Claims, lets the probe look, dies; again and again for `ms`. What the probe said, with the time it said it. */
  async function crashLoop(
    region: string,
    ms: number,
    then: (worker: WorkerProcess, round: number) => Promise<unknown>,
  ) {
    const said: { atMs: number; result: ProbeResult }[] = []
    let began = 0
    for (let round = 0; round === 0 || performance.now() - began < ms; round++) {
      const worker = await WorkerProcess.claim(claim(region))
      if (round === 0) began = performance.now()
      await then(worker, round)
      said.push({ result: await probe(['--region', region, '--startup-grace', '1s']), atMs: performance.now() - began })
      await worker.kill()
    }
    expect(said.length).toBeGreaterThan(5)
    return {
      within: (fromMs: number, toMs: number) =>
        said.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map(({ result }) => result),
    }
  }

  it('is healthy for one grace, and not for ever', async () => {
    const said = await crashLoop(uniqueRegion(), 1_800, async () => {})
    for (const result of said.within(0, 950)) expect(result).toMatchObject({ code: 0, stdout: '' })
    for (const result of said.within(1_300, 2_000)) expect(result.stdout).toMatch(stalled)
    expect(said.within(1_300, 2_000).length).toBeGreaterThan(0)
  })

  it('is healthy again once one of them has beaten', async () => {
    const region = uniqueRegion()
    const said = await crashLoop(region, 1_800, (worker) => worker.ask({ do: 'beat' }))
    for (const result of said.within(0, 2_000)) expect(result).toMatchObject({ code: 0, stdout: '' })
    await WorkerProcess.claim(claim(region))
    expect(await probe(['--region', region, '--startup-grace', '1s'])).toMatchObject({ code: 0 })
  })

  it('in its first phase hands on the end of that phase, and no more', async () => {
    const said = await crashLoop(uniqueRegion(), 2_600, async (worker) => {
      await worker.ask({ do: 'phase', name: 'load', budget: '1600ms' })
    })
    for (const result of said.within(0, 1_500)) expect(result).toMatchObject({ code: 0, stdout: '' })
    expect(said.within(2_000, 3_000).length).toBeGreaterThan(0)
    for (const result of said.within(2_000, 3_000)) expect(result.code).toBe(1)
  })
})

describe('a worker that is claimed again long after the start of its container', () => {
  it('has a grace of its own', async () => {
    const region = uniqueRegion()
    const container = await Container.start()
    const check = () => container.probe(['--region', region, '--startup-grace', '700ms'])
    const first = await container.claim(claim(region))
    await first.ask({ do: 'beat' })
    expect(await check()).toMatchObject({ code: 0 })
    await sleep(900)
    await killInside(first)
    expect((await check()).stdout).toMatch(/^dead: grabber/)

    const second = await container.claim(claim(region))
    expect(await check()).toMatchObject({ code: 0, stdout: '' })
    await sleep(800)
    expect((await check()).stdout).toMatch(stalled)
    await second.ask({ do: 'beat' })
    expect(await check()).toMatchObject({ code: 0 })
  })

  it('has one that begins with the container, if that is younger than the claim could be', async () => {
    const region = uniqueRegion()
    const container = await Container.start()
    const check = () => container.probe(['--region', region, '--startup-grace', '900ms'])
    expect(await check()).toMatchObject({ code: 0 })
    await sleep(1_000)
    expect(await check()).toMatchObject({ code: 1, stdout: `missing: no region ${region}\n` })
    await container.claim(claim(region))
    expect(await check()).toMatchObject({ code: 0 })
  })
})

describe('stop() racing the probe', () => {
  it('is never a death, nor is the claim after it', async () => {
    const region = uniqueRegion()
    const racer = Program.fixture('claims-and-stops', [region])
    await racer.said('racing')
    let runs = 0
    const run = async () => {
      for (; runs < 400; runs++) {
        expect(await probe(['--region', region])).toMatchObject({ code: 0, stdout: '', stderr: '' })
      }
    }
    await Promise.all([run(), run()])
  })

  it('is never a death for readers in Node.js', async () => {
    const region = uniqueRegion()
    const racer = Program.fixture('claims-and-stops', [region])
    await racer.said('racing')
    const reader = Region.open(region)
    const lines = new Set<string>()
    const states = new Set<string>()
    for (const until = performance.now() + 1_500; performance.now() < until; ) {
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
