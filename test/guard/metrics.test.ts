import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { type ClaimOptions, type Heartbeat, Region, type Worker } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { claim } from '../support/held.js'
import { Client, get, startListening } from '../support/http-raw.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { Scene } from '../support/scene.js'
import { complaints, hasParser, histograms, Scrape } from '../support/scrape.js'
import { untilHolds } from '../support/until.js'

/** Holds up the test process, and so its workers. */
const block = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

const untilEqual = <Seen>(what: string, look: () => Promise<Seen>, expected: Seen) =>
  untilHolds(what, look, (seen) => isDeepStrictEqual(seen, expected))

describe.skipIf(!hasParser)('/metrics', () => {
  it('says of each check whether it passes', async () => {
    const scene = new Scene()
    const worker = await scene.claim('a')
    const { port } = await startListening(['--region', scene.region])
    const healthy = async () =>
      Object.fromEntries(
        (await Scrape.of(port)).samples('healthy').map(({ labels, value }) => [labels['check'], value]),
      )
    const becomes = (expected: Record<string, number>) => untilEqual('the checks', healthy, expected)
    await becomes({ startup: 0, liveness: 1, readiness: 0 })
    await worker.ask({ do: 'beat' })
    await becomes({ startup: 1, liveness: 1, readiness: 0 })
    await worker.ask({ do: 'ready' })
    await becomes({ startup: 1, liveness: 1, readiness: 1 })
    await worker.kill()
    await becomes({ startup: 0, liveness: 0, readiness: 0 })
  })

  it('says of each worker what Region.open() says at the same moment', async () => {
    const scene = new Scene()
    const claimed = (name: string, options: Partial<ClaimOptions> = {}) =>
      claim(scene.region, { name, maxAge: '1h', ...options })
    const beating = (name: string, options: Partial<ClaimOptions> = {}) => {
      const worker = claimed(name, options)
      worker.ready()
      worker.beat()
      return worker
    }
    const [running, late] = [beating('running'), beating('late', { cycleLimit: '5ms' })]
    for (let i = 0; i < 1000; i++) running.beat()
    for (let i = 0; i < 3; i++) {
      block(10)
      late.beat()
    }
    beating('in-phase').phase('load', { budget: '90s' })
    claimed('starting')
    beating('stalled', { maxAge: '1ms' })
    beating('stopped').stop()
    await Promise.all([scene.dead('dead'), scene.dead('again')])
    beating('again')
    const { port } = await startListening(['--region', scene.region])
    const read = async () => ({
      before: Region.open(scene.region).workers(),
      scrape: await Scrape.of(port),
      after: Region.open(scene.region).workers(),
    })
    const { before, scrape, after } = await untilHolds(
      'the worker has stalled',
      read,
      ({ scrape }) => scrape.conditions()[`${scene.region}/stalled`]?.[0] === 'stalled',
    )
    const by = (value: (worker: Worker) => unknown) =>
      Object.fromEntries(before.map((worker) => [`${scene.region}/${worker.name}`, value(worker)]))
    expect(Object.keys(by(() => 0))).toHaveLength(8)
    expect(scrape.conditions()).toEqual(by(({ state }) => [state]))
    expect(scrape.byWorker('worker_ready')).toEqual(by(({ ready }) => Number(ready)))
    expect(scrape.byWorker('worker_beats')).toEqual(by(({ beats }) => beats))
    expect(scrape.byWorker('worker_late_cycles')).toEqual(by(({ lateCycles }) => lateCycles))
    expect(scrape.byWorker('worker_claims')).toEqual(by(({ claims }) => claims))
    const close = (seconds: Record<string, number>, ms: (worker: Worker) => number) => {
      for (const worker of before) {
        expect(seconds[`${scene.region}/${worker.name}`]).toBeCloseTo(ms(worker) / 1e3, 9)
      }
    }
    close(scrape.byWorker('worker_limit_seconds'), ({ limitMs }) => limitMs)
    close(scrape.byWorker('worker_worst_cycle_seconds'), ({ worstCycleMs }) => worstCycleMs)
    expect(scrape.byWorker('worker_late_cycles')[`${scene.region}/late`]).toBeGreaterThanOrEqual(3)
    expect(scrape.byWorker('worker_claims')[`${scene.region}/again`]).toBe(2)
    expect(scrape.byWorker('worker_limit_seconds')[`${scene.region}/in-phase`]).toBe(90)
    const ages = scrape.byWorker('worker_age_seconds')
    for (const [i, worker] of before.entries()) {
      // In the guard's own time, so never older than by the clock, and younger by what the guard has not seen.
      const age = ages[`${scene.region}/${worker.name}`] as number
      expect(age).toBeGreaterThanOrEqual(0)
      expect(age).toBeLessThanOrEqual((after[i]?.ageMs as number) / 1e3)
    }
    for (const worker of before) {
      const { counts, count } = histograms(scrape)[`${scene.region}/${worker.name}`] ?? { counts: [] }
      const cycles = worker.histogram.reduce((sum, cycles) => sum + cycles, 0)
      expect(count).toBe(cycles)
      expect(counts.at(-1)).toBe(cycles)
    }
  })

  it('counts cycles in buckets of powers of two from a microsecond to a minute, the same ones for every worker', async () => {
    const region = uniqueRegion()
    const [fast, slow] = ['fast', 'slow'].map((name) => claim(region, { name, maxAge: '1h' })) as [Heartbeat, Heartbeat]
    for (let i = 0; i < 10_000; i++) fast.beat()
    slow.beat()
    for (const ms of [5, 20, 80]) {
      block(ms)
      slow.beat()
    }
    const { port } = await startListening(['--region', region])
    const scrape = await Scrape.of(port)
    const expected = [...Array.from({ length: 27 }, (_, i) => 2 ** (i + 10) / 1e9), Number.POSITIVE_INFINITY]
    for (const worker of Region.open(region).workers()) {
      const of = histograms(scrape)[`${region}/${worker.name}`]
      expect(of?.bounds).toEqual(expected)
      expect(of?.counts).toEqual([...(of?.counts ?? [])].sort((a, b) => a - b))
      const upTo = (bins: number) => worker.histogram.slice(0, bins).reduce((sum, cycles) => sum + cycles, 0)
      expect(of?.counts).toEqual(expected.map((_, i) => upTo(i === 27 ? 64 : i + 10)))
      expect(of?.count).toBe(of?.counts.at(-1))
    }
    const atMost = (bound: number) => {
      const of = histograms(scrape)[`${region}/slow`]
      return of?.counts[of.bounds.findIndex((le) => le >= bound)] as number
    }
    // Each blocked for at least as long as it was told to, and a loaded machine adds to that.
    expect(atMost(64e-3) - atMost(4e-3)).toBeGreaterThanOrEqual(1)
    expect(atMost(60) - atMost(64e-3)).toBeGreaterThanOrEqual(1)
  })

  it('tells workers of the same name in four regions apart', async () => {
    const regions = Array.from({ length: 4 }, uniqueRegion)
    for (const [i, region] of regions.entries()) {
      const worker = claim(region, { name: 'a', maxAge: '1h' })
      for (let beats = 0; beats < 2 + i * 10; beats++) worker.beat()
      if (i > 0) claim(region, { name: 'b', maxAge: '1h' })
    }
    const { port } = await startListening(['--region', regions.join(',')])
    const scrape = await Scrape.of(port)
    expect(complaints(scrape)).toEqual([])
    const beats: Record<string, number> = {}
    for (const [i, region] of regions.entries()) {
      beats[`${region}/a`] = 2 + i * 10
      if (i > 0) beats[`${region}/b`] = 0
    }
    expect(scrape.byWorker('worker_beats')).toEqual(beats)
  })

  it('has no worker whose region has gone, and finds the one that comes after it', async () => {
    const region = uniqueRegion()
    const { port } = await startListening(['--region', region, '--interval', '5ms'])
    const conditions = async () => (await Scrape.of(port)).conditions()
    const becomes = (expected: Record<string, string[]>) => untilEqual('the conditions', conditions, expected)
    await becomes({})
    const first = claim(region, { name: 'a', maxAge: '1h' })
    first.beat()
    await becomes({ [`${region}/a`]: ['running'] })
    first.stop()
    await becomes({ [`${region}/a`]: ['stopped'] })
    rmSync(pathOf(region))
    await becomes({})
    claim(region, { name: 'b', maxAge: '1h' })
    await becomes({ [`${region}/b`]: ['starting'] })
  })
})

describe.skipIf(!hasParser)('a counter of the guard', () => {
  it('of looks, of requests and of lost time never falls', async () => {
    const { guard, port } = await startListening(['--region', uniqueRegion(), '--interval', '5ms'])
    const first = await Scrape.of(port)
    for (let i = 0; i < 10; i++) await get(port, '/livez')
    const second = await Scrape.of(port)
    expect(second.only('guard_http_requests') - first.only('guard_http_requests')).toBe(11)
    await untilHolds(
      'another look',
      async () => (await Scrape.of(port)).only('guard_checks'),
      (checks) => checks > first.only('guard_checks'),
    )
    expect(second.only('guard_lost_seconds')).toBeGreaterThanOrEqual(first.only('guard_lost_seconds'))
    process.kill(guard.pid, 'SIGSTOP')
    await sleep(300) // the time that the guard loses
    process.kill(guard.pid, 'SIGCONT')
    await untilHolds(
      'the lost time is counted, with the next look',
      async () => (await Scrape.of(port)).only('guard_lost_seconds') - second.only('guard_lost_seconds'),
      (lost) => lost > 0.2,
    )
  })

  it('of requests counts what was answered, also with an error, and nothing else', async () => {
    const { port } = await startListening(['--region', uniqueRegion()])
    const before = (await Scrape.of(port)).only('guard_http_requests')
    await get(port, '/nothing')
    const client = await Client.connect(port)
    client.send('GET /livez HTT')
    client.close()
    await (await Client.connect(port)).finish()
    expect((await Scrape.of(port)).only('guard_http_requests') - before).toBe(2)
  })

  it('of restarts grows with each start in place, and the scrape goes on meanwhile', async () => {
    const { guard, port } = await startListening([
      ...['--region', uniqueRegion(), '--restart', '3', '--', 'sh', '-c', 'echo up; read line; exit 1'],
    ])
    for (let restarts = 0; restarts <= 3; restarts++) {
      await guard.said('up')
      const scrape = await Scrape.of(port)
      expect(scrape.only('guard_restarts')).toBe(restarts)
      expect(scrape.only('guard_reactions')).toBe(0)
      guard.tell('end')
    }
    expect(await guard.ended).toEqual({ code: 1, signal: null })
  })

  it('of reactions grows when a stalled worker is struck', async () => {
    const { port } = await startListening([
      ...['--region', uniqueRegion(), '--interval', '5ms', '--grace', '100ms', '--signal', 'TERM', '--restart', '9'],
      ...['--progress', 'output', '--max-age', '200ms', '--', 'sh', '-c', 'echo up; exec sleep 60'],
    ])
    for (const reactions of [1, 2]) {
      const scrape = await untilHolds(
        'the reactions so far',
        () => Scrape.of(port),
        (scrape) => scrape.only('guard_reactions') >= reactions,
      )
      // Each is followed by a start in place, after a pause.
      expect(scrape.only('guard_restarts')).toBeGreaterThanOrEqual(reactions - 1)
    }
  })
})
