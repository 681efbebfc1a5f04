import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Region, type Worker } from 'shm-liveness'
import { beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { claim } from '../support/held.js'
import { Client, get, request, startListening } from '../support/http-raw.js'
import { poke } from '../support/poke.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { Scene } from '../support/scene.js'

interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

interface Family {
  name: string
  type: string
  help: string
  samples: Sample[]
}

const parser = new URL('../fixtures/guard-prometheus.py', import.meta.url).pathname

/** Debian's, for its own Python; the one in PATH may be another. */
const python = ['/usr/bin/python3', 'python3'].find(
  (python) => spawnSync(python, ['-c', 'import prometheus_client.parser']).status === 0,
)

/** A scrape, by name of the family, as a real parser reads it: counters without their `_total`. */
function parsed(text: string): Map<string, Family> {
  const json = execFileSync(python as string, [parser], { input: text, encoding: 'utf8', maxBuffer: 1e9 })
  const families = JSON.parse(json) as (Omit<Family, 'samples'> & { samples: [string, Sample['labels'], string][] })[]
  return new Map(
    families.map((family) => [
      family.name,
      {
        ...family,
        samples: family.samples.map(([name, labels, value]) => ({ name, labels, value: Number(value) })),
      },
    ]),
  )
}

class Scrape {
  readonly families: Map<string, Family>
  constructor(readonly text: string) {
    this.families = parsed(text)
  }

  static async of(port: number): Promise<Scrape> {
    const { status, body } = await get(port, '/metrics')
    expect(status).toBe(200)
    return new Scrape(body)
  }

  samples(family: string): Sample[] {
    const found = this.families.get(`shm_liveness_${family}`)
    if (found === undefined) throw new Error(`no family ${family} among ${[...this.families.keys()]}`)
    return found.samples
  }

  /** The values of one family by worker, as `region/worker`. */
  byWorker(family: string): Record<string, number> {
    return Object.fromEntries(this.samples(family).map(({ labels, value }) => [nameOf(labels), value]))
  }

  conditions(): Record<string, string[]> {
    const all: Record<string, string[]> = {}
    for (const { labels, value } of this.samples('worker_condition')) {
      const held = all[nameOf(labels)] ?? []
      all[nameOf(labels)] = held
      if (value === 1) held.push(labels['condition'] as string)
      else expect(value).toBe(0)
    }
    return all
  }

  only(family: string): number {
    const samples = this.samples(family)
    expect(samples).toHaveLength(1)
    return samples[0]?.value as number
  }
}

const nameOf = (labels: Record<string, string>) => `${labels['region']}/${labels['worker']}`

const ownCounters = ['guard_checks', 'guard_restarts', 'guard_reactions', 'guard_lost_seconds', 'guard_http_requests']
const ofWorkers: Record<string, string> = {
  worker_condition: 'gauge',
  worker_ready: 'gauge',
  worker_age_seconds: 'gauge',
  worker_limit_seconds: 'gauge',
  worker_beats: 'counter',
  worker_worst_cycle_seconds: 'gauge',
  worker_late_cycles: 'counter',
  worker_claims: 'counter',
  worker_cycle_seconds: 'histogram',
}
const types: Record<string, string> = {
  healthy: 'gauge',
  ...ofWorkers,
  ...Object.fromEntries(ownCounters.map((name) => [name, 'counter'])),
}

/** What `promtool check metrics` and a server's ingestion would complain of. */
function complaints(text: string, families: Map<string, Family>): string[] {
  const found: string[] = []
  const complain = (holds: boolean, what: string) => holds || found.push(what)
  complain(text.endsWith('\n') && !text.includes('\r') && !text.includes('\n\n'), 'lines end in one LF each')
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const ids = series.map((line) => line.slice(0, line.lastIndexOf(' ')))
  complain(new Set(ids).size === ids.length, 'a series is there twice')
  for (const kind of ['HELP', 'TYPE']) {
    const names = [...text.matchAll(new RegExp(`^# ${kind} (\\S+) \\S`, 'gm'))].map((match) => match[1])
    complain(new Set(names).size === names.length, `a second ${kind}`)
    complain(names.length === families.size, `a family without ${kind}`)
  }
  for (const { name, type, help, samples } of families.values()) {
    const is = (holds: boolean, what: string) => complain(holds, `${name} ${what}`)
    is(/^shm_liveness(_[a-z]+)+$/.test(name), 'is in no snake case')
    is(help.length > 10 && help.endsWith('.'), 'has no sentence of help')
    is(!/(^|_)(gauge|counter|histogram|summary)(_|$)/.test(name), 'repeats its type')
    is(!/(^|_)(ms|milliseconds|microseconds|nanoseconds|us|ns|minutes|hours)(_|$)/.test(name), 'has no base unit')
    is(
      /_seconds$/.test(name) === /age|limit|cycle_|cycle$|lost/.test(name),
      'does not say its unit, or says a wrong one',
    )
    is(type !== 'untyped' && type !== 'unknown', 'has no type')
    for (const sample of samples) {
      const suffix = sample.name.slice(name.length)
      const allowed = { counter: /^_total$/, histogram: /^_(bucket|count|sum)$/ }[type] ?? /^$/
      is(sample.name.startsWith(name) && allowed.test(suffix), `has a sample ${sample.name}`)
      is(suffix !== '_bucket' || 'le' in sample.labels, 'has a bucket without le')
      is(suffix === '_bucket' || !('le' in sample.labels || 'quantile' in sample.labels), 'uses a reserved label')
      is(Number.isFinite(sample.value) && sample.value >= 0, `is ${sample.value}`)
    }
  }
  return found
}

/** Every histogram grows from bucket to bucket, and ends with its count at +Inf. */
function histograms(scrape: Scrape): Record<string, { bounds: number[]; counts: number[]; count: number }> {
  const all: Record<string, { bounds: number[]; counts: number[]; count: number }> = {}
  for (const { name, labels, value } of scrape.samples('worker_cycle_seconds')) {
    const of = all[nameOf(labels)] ?? { bounds: [], counts: [], count: Number.NaN }
    all[nameOf(labels)] = of
    if (name.endsWith('_count')) {
      of.count = value
    } else {
      of.bounds.push(labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le']))
      of.counts.push(value)
    }
  }
  return all
}

beforeAll(() => {
  if (python === undefined) {
    console.error(
      'NOT TESTED: what a real parser says of /metrics. It needs the Debian package python3-prometheus-client.',
    )
  }
})

describe.skipIf(python === undefined)('/metrics', () => {
  it('is of the type that Prometheus asks for, and never cached', async () => {
    const { port } = await startListening(['--region', uniqueRegion()])
    const { headers } = await get(port, '/metrics', [
      'Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1',
      'Accept-Encoding: gzip',
      'X-Prometheus-Scrape-Timeout-Seconds: 10',
    ])
    expect(headers).toEqual({
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'cache-control': 'no-store',
      'transfer-encoding': 'chunked',
      connection: 'keep-alive',
    })
  })

  it('has every family with its type and its help, and breaks no convention', async () => {
    const scene = new Scene()
    await Promise.all([scene.beating('a'), scene.claim('b')])
    const { port } = await startListening(['--region', scene.region])
    const { text, families } = await Scrape.of(port)
    const found = [...families.values()].map(({ name, type }) => [name.replace('shm_liveness_', ''), type])
    expect(Object.fromEntries(found)).toEqual(types)
    expect(complaints(text, families)).toEqual([])
  })

  it('has no samples of workers where there are none, and is still without a fault', async () => {
    const { port } = await startListening(['--region', uniqueRegion()])
    const scrape = await Scrape.of(port)
    expect(complaints(scrape.text, scrape.families)).toEqual([])
    for (const family of Object.keys(ofWorkers)) expect(scrape.samples(family)).toEqual([])
    for (const counter of ownCounters) expect(scrape.only(counter)).toBeGreaterThanOrEqual(0)
  })

  it('says of each check whether it passes', async () => {
    const scene = new Scene()
    const worker = await scene.claim('a')
    const { port } = await startListening(['--region', scene.region])
    const healthy = async () =>
      Object.fromEntries(
        (await Scrape.of(port)).samples('healthy').map(({ labels, value }) => [labels['check'], value]),
      )
    const becomes = async (expected: Record<string, number>) => {
      const seen = await eventually(healthy, (seen) => JSON.stringify(seen) === JSON.stringify(expected))
      expect(seen).toEqual(expected)
    }
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
    const [running, late, inPhase] = await Promise.all([
      scene.beating('running'),
      scene.beating('late', { cycleLimit: '5ms' }),
      scene.beating('in-phase'),
      scene.claim('starting'),
      scene.stalled('stalled'),
      scene.dead('dead'),
      scene.stopped('stopped'),
    ])
    await running.ask({ do: 'beat', times: 1000 })
    for (let i = 0; i < 3; i++) {
      await late.ask({ do: 'block', ms: 10 })
      await late.ask({ do: 'beat' })
    }
    await inPhase.ask({ do: 'phase', name: 'load', budget: '90s' })
    await scene.dead('again')
    await scene.beating('again')
    const { port } = await startListening(['--region', scene.region])
    const read = async () => ({
      before: Region.open(scene.region).workers(),
      scrape: await Scrape.of(port),
      after: Region.open(scene.region).workers(),
    })
    const { before, scrape, after } = await eventually(
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
    const scene = new Scene()
    const fast = await scene.beating('fast')
    const slow = await scene.beating('slow')
    await fast.ask({ do: 'beat', times: 10_000 })
    for (const ms of [5, 20, 80]) {
      await slow.ask({ do: 'block', ms })
      await slow.ask({ do: 'beat' })
    }
    const { port } = await startListening(['--region', scene.region])
    const scrape = await Scrape.of(port)
    const expected = [...Array.from({ length: 27 }, (_, i) => 2 ** (i + 10) / 1e9), Number.POSITIVE_INFINITY]
    for (const worker of Region.open(scene.region).workers()) {
      const of = histograms(scrape)[`${scene.region}/${worker.name}`]
      expect(of?.bounds).toEqual(expected)
      expect(of?.counts).toEqual([...(of?.counts ?? [])].sort((a, b) => a - b))
      const upTo = (bins: number) => worker.histogram.slice(0, bins).reduce((sum, cycles) => sum + cycles, 0)
      expect(of?.counts).toEqual(expected.map((_, i) => upTo(i === 27 ? 64 : i + 10)))
      expect(of?.count).toBe(of?.counts.at(-1))
    }
    const atMost = (bound: number) => {
      const of = histograms(scrape)[`${scene.region}/slow`]
      return of?.counts[of.bounds.findIndex((le) => le >= bound)] as number
    }
    // Each blocked for at least as long as it was told to, and a loaded machine adds to that.
    expect(atMost(64e-3) - atMost(4e-3)).toBeGreaterThanOrEqual(1)
    expect(atMost(60) - atMost(64e-3)).toBeGreaterThanOrEqual(1)
  })

  it('tells workers of the same name in four regions apart', async () => {
    const scenes = [new Scene(), new Scene(), new Scene(), new Scene()]
    for (const [i, scene] of scenes.entries()) {
      const worker = await scene.beating('a')
      await worker.ask({ do: 'beat', times: i * 10 })
      if (i > 0) await scene.claim('b')
    }
    const { port } = await startListening(['--region', scenes.map(({ region }) => region).join(',')])
    const scrape = await Scrape.of(port)
    expect(complaints(scrape.text, scrape.families)).toEqual([])
    const beats: Record<string, number> = {}
    for (const [i, { region }] of scenes.entries()) {
      beats[`${region}/a`] = 2 + i * 10
      if (i > 0) beats[`${region}/b`] = 0
    }
    expect(scrape.byWorker('worker_beats')).toEqual(beats)
  })

  it('has each series once, also of a region that is named twice', async () => {
    const scene = new Scene()
    await scene.beating('a')
    const { port } = await startListening(['--region', `${scene.region},${scene.region}`, '--region', scene.region])
    const scrape = await Scrape.of(port)
    expect(complaints(scrape.text, scrape.families)).toEqual([])
  })

  it('has no worker whose region has gone, and finds the one that comes after it', async () => {
    const region = uniqueRegion()
    const { port } = await startListening(['--region', region, '--interval', '5ms'])
    const conditions = async () => (await Scrape.of(port)).conditions()
    const becomes = async (expected: Record<string, string[]>) => {
      const seen = await eventually(conditions, (seen) => JSON.stringify(seen) === JSON.stringify(expected))
      expect(seen).toEqual(expected)
    }
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

  it('has the longest names and the largest numbers whole', async () => {
    const region = uniqueRegion().padEnd(63, 'r')
    const name = 'w'.repeat(63)
    try {
      claim(region, { name, maxAge: '8784h' }).beat()
      poke(region, 'Hot', 'beats', 2n ** 64n - 1n)
      const { port } = await startListening(['--region', region])
      const scrape = await Scrape.of(port)
      expect(complaints(scrape.text, scrape.families)).toEqual([])
      expect(scrape.byWorker('worker_limit_seconds')).toEqual({ [`${region}/${name}`]: 8784 * 3600 })
      expect(scrape.text).toContain(`} ${2n ** 64n - 1n}\n`)
      expect(histograms(scrape)[`${region}/${name}`]?.bounds).toHaveLength(28)
    } finally {
      rmSync(pathOf(region), { force: true })
    }
  })

  it('stays whole when a foreign writer puts what it likes into a name', async () => {
    const region = uniqueRegion()
    claim(region, { maxAge: '1h' }).beat()
    poke(region, 'Identity', 'name', Buffer.from('a"} 1\nshm_liveness_healthy{check="\\\xff\0', 'latin1'))
    const { port } = await startListening(['--region', region])
    const scrape = await Scrape.of(port)
    expect(complaints(scrape.text, scrape.families)).toEqual([])
    expect(scrape.samples('healthy')).toHaveLength(3)
    expect(scrape.samples('worker_beats')).toHaveLength(1)
    for (const { labels } of scrape.samples('worker_beats')) expect(labels['worker']).toMatch(/^[ -~]+$/)
  })

  it('of 300 workers comes in pieces that fit together, while they beat and while it is read slowly', async () => {
    const region = uniqueRegion()
    const workers = Array.from({ length: 300 }, (_, i) =>
      claim(region, { name: `w-${i}`, maxAge: '1h', capacity: 300 }),
    )
    for (const worker of workers) worker.beat()
    const { port } = await startListening(['--region', region])
    const beat = setInterval(() => {
      for (const worker of workers) worker.beat()
    }, 5)
    try {
      const client = await Client.connect(port)
      client.send(request('/metrics').repeat(4))
      client.stopReading()
      const slowly = setInterval(() => {
        client.goOnReading()
        setImmediate(() => client.stopReading())
      }, 10)
      const first = await client.response({ withinMs: 4_000 }).finally(() => clearInterval(slowly))
      client.close()
      for (const scrape of [new Scrape(first.body), await Scrape.of(port)]) {
        expect(complaints(scrape.text, scrape.families)).toEqual([])
        for (const family of ['worker_beats', 'worker_age_seconds', 'worker_ready']) {
          expect(Object.keys(scrape.byWorker(family))).toHaveLength(300)
        }
        expect(Object.values(scrape.conditions())).toEqual(Array(300).fill(['running']))
        for (const { counts, count } of Object.values(histograms(scrape))) {
          expect(counts).toEqual([...counts].sort((a, b) => a - b))
          expect(count).toBe(counts.at(-1))
        }
      }
    } finally {
      clearInterval(beat)
    }
  })

  it('of 1,000 workers holds up no watch while it is scraped without a pause', async () => {
    const region = uniqueRegion()
    for (let i = 0; i < 1_000; i++) claim(region, { name: `w-${i}`, maxAge: '1h', capacity: 1_000 }).beat()
    const { port } = await startListening(['--region', region])
    const lost = async () => {
      const { body } = await get(port, '/metrics')
      return Number(/^shm_liveness_guard_lost_seconds_total (\S+)$/m.exec(body)?.[1])
    }
    const began = performance.now()
    const before = await lost()
    let after = before
    while (performance.now() - began < 1_500) after = await lost()
    // Idle, it loses next to nothing. A loaded machine takes some of it.
    expect((after - before) / ((performance.now() - began) / 1_000)).toBeLessThan(0.1)
  })
})

describe.skipIf(python === undefined)('a counter of the guard', () => {
  it('of looks, of requests and of lost time never falls', async () => {
    const { guard, port } = await startListening(['--region', uniqueRegion(), '--interval', '5ms'])
    const first = await Scrape.of(port)
    for (let i = 0; i < 10; i++) await get(port, '/livez')
    const second = await Scrape.of(port)
    expect(second.only('guard_http_requests') - first.only('guard_http_requests')).toBe(11)
    expect(second.only('guard_checks')).toBeGreaterThan(first.only('guard_checks'))
    expect(second.only('guard_lost_seconds')).toBeGreaterThanOrEqual(first.only('guard_lost_seconds'))
    process.kill(guard.pid, 'SIGSTOP')
    await sleep(500)
    process.kill(guard.pid, 'SIGCONT')
    await sleep(50) // a look first: what was lost is known only then
    const third = await Scrape.of(port)
    const lost = third.only('guard_lost_seconds') - second.only('guard_lost_seconds')
    expect(lost).toBeGreaterThan(0.4)
    expect(lost).toBeLessThan(5)
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
    const { guard, port } = await startListening([
      ...['--region', uniqueRegion(), '--interval', '5ms', '--grace', '100ms', '--signal', 'TERM', '--restart', '2'],
      ...['--progress', 'output', '--max-age', '200ms', '--', 'sh', '-c', 'echo up; exec sleep 60'],
    ])
    for (let reactions = 0; reactions < 2; reactions++) {
      await guard.said('up')
      const scrape = await Scrape.of(port)
      expect(scrape.only('guard_reactions')).toBe(reactions)
      expect(scrape.only('guard_restarts')).toBe(reactions)
    }
  })
})
