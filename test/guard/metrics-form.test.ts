import { rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { claim } from '../support/held.js'
import { Client, get, request, startListening } from '../support/http-raw.js'
import { poke } from '../support/poke.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { complaints, hasParser, histograms, Scrape } from '../support/scrape.js'
import { untilHolds } from '../support/until.js'

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
  worker_restarts: 'counter',
  worker_where_info: 'gauge',
  worker_slow_cycles: 'gauge',
  worker_cycle_seconds: 'histogram',
}
const types: Record<string, string> = {
  healthy: 'gauge',
  ...ofWorkers,
  ...Object.fromEntries(ownCounters.map((name) => [name, 'counter'])),
  guard_told_by_kernel: 'gauge',
}

describe.skipIf(!hasParser)('/metrics', () => {
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
    const region = uniqueRegion()
    claim(region, { name: 'a', maxAge: '1h' }).beat()
    claim(region, { name: 'b', maxAge: '1h' })
    const { port } = await startListening(['--region', region])
    const scrape = await Scrape.of(port)
    const found = [...scrape.families.values()].map(({ name, type }) => [name.replace('shm_liveness_', ''), type])
    expect(Object.fromEntries(found)).toEqual(types)
    expect(complaints(scrape)).toEqual([])
  })

  it('has no samples of workers where there are none, and is still without a fault', async () => {
    const { port } = await startListening(['--region', uniqueRegion()])
    const scrape = await Scrape.of(port)
    expect(complaints(scrape)).toEqual([])
    for (const family of Object.keys(ofWorkers)) expect(scrape.samples(family)).toEqual([])
    for (const counter of ownCounters) expect(scrape.only(counter)).toBeGreaterThanOrEqual(0)
  })

  it('has each series once, also of a region that is named twice', async () => {
    const region = uniqueRegion()
    claim(region, { name: 'a', maxAge: '1h' }).beat()
    const { port } = await startListening(['--region', `${region},${region}`, '--region', region])
    const scrape = await Scrape.of(port)
    expect(complaints(scrape)).toEqual([])
  })

  it('has the longest names and the largest numbers whole', async () => {
    const region = uniqueRegion().padEnd(63, 'r')
    const name = 'w'.repeat(63)
    try {
      claim(region, { name, maxAge: '8784h' }).beat()
      poke(region, 'Hot', 'beats', 2n ** 64n - 1n)
      const { port } = await startListening(['--region', region])
      const scrape = await Scrape.of(port)
      expect(complaints(scrape)).toEqual([])
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
    expect(complaints(scrape)).toEqual([])
    expect(scrape.samples('healthy')).toHaveLength(3)
    expect(scrape.samples('worker_beats')).toHaveLength(1)
    for (const { labels } of scrape.samples('worker_beats')) expect(labels['worker']).toMatch(/^[ -~]+$/)
  })

  it('of 100 workers comes in pieces that fit together, while they beat and while it is read slowly', async () => {
    const region = uniqueRegion()
    const workers = Array.from({ length: 100 }, (_, i) =>
      claim(region, { name: `w-${i}`, maxAge: '1h', capacity: 100 }),
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
      const first = await client.response().finally(() => clearInterval(slowly))
      client.close()
      for (const scrape of [await Scrape.read(first.body), await Scrape.of(port)]) {
        expect(complaints(scrape)).toEqual([])
        for (const family of ['worker_beats', 'worker_age_seconds', 'worker_ready']) {
          expect(Object.keys(scrape.byWorker(family))).toHaveLength(100)
        }
        expect(Object.values(scrape.conditions())).toEqual(Array(100).fill(['running']))
        for (const { counts, count } of Object.values(histograms(scrape))) {
          expect(counts).toEqual([...counts].sort((a, b) => a - b))
          expect(count).toBe(counts.at(-1))
        }
      }
    } finally {
      clearInterval(beat)
    }
  })

  it('of 200 workers holds up no watch while it is scraped without a pause', async () => {
    const region = uniqueRegion()
    for (let i = 0; i < 200; i++) claim(region, { name: `w-${i}`, maxAge: '1h', capacity: 200 }).beat()
    const { port } = await startListening(['--region', region])
    const looks = async () => {
      const { body } = await get(port, '/metrics')
      return Number(/^shm_liveness_guard_checks_total (\S+)$/m.exec(body)?.[1])
    }
    const before = await looks()
    await untilHolds('five looks more', looks, (now) => now >= before + 5)
  })
})
