import { setTimeout as sleep } from 'node:timers/promises'
import { Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { claim, only } from '../support/held.js'
import { poke } from '../support/poke.js'
import { uniqueRegion } from '../support/region.js'
import { WorkerProcess } from '../support/worker-process.js'

describe('a snapshot', () => {
  it('of a worker that has just claimed has each field', () => {
    const region = uniqueRegion()
    const began = performance.now()
    claim(region, { maxAge: '1.5s' })
    const worker = only(region)
    expect(worker).toEqual({
      name: 'grabber',
      state: 'starting',
      slot: 0,
      incarnation: expect.any(BigInt),
      claims: 1,
      restarts: 0,
      pid: process.pid,
      tid: expect.any(Number),
      clock: 'precise',
      ready: false,
      status: null,
      phase: null,
      ageMs: expect.any(Number),
      limitMs: 1_500,
      maxAgeMs: 1_500,
      beats: 0,
      lastBeatAgoMs: null,
      claimedAgoMs: expect.any(Number),
      worstCycleMs: 0,
      cycleLimitMs: null,
      lateCycles: 0,
      lastLateAgoMs: null,
      histogram: Array(64).fill(0),
      where: null,
      slowPlaces: [],
      lastWords: null,
    })
    expect(worker.incarnation).not.toBe(0n)
    expect(worker.claimedAgoMs).toBeGreaterThan(0)
    expect(worker.claimedAgoMs).toBeLessThan(performance.now() - began)
    expect(worker.ageMs).toBeCloseTo(worker.claimedAgoMs, 5)
  })

  it('of a beating worker follows its beats', async () => {
    const region = uniqueRegion()
    const heartbeat = claim(region, { cycleLimit: '10s' })
    for (let i = 0; i < 1_000; i++) heartbeat.beat()
    const before = only(region)
    expect(before).toMatchObject({ state: 'running', beats: 1_000, cycleLimitMs: 10_000, lateCycles: 0 })
    expect(before.ageMs).toBe(before.lastBeatAgoMs)
    await sleep(30)
    const after = only(region)
    expect(after.lastBeatAgoMs! - before.lastBeatAgoMs!).toBeGreaterThan(29)
    expect(after).toMatchObject({ beats: 1_000, incarnation: before.incarnation })
  })

  it('shows readiness, and why not', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    heartbeat.ready()
    expect(only(region)).toMatchObject({ ready: true, status: null })
    heartbeat.notReady('Verbindung zur Kamera gestört')
    expect(only(region)).toMatchObject({ ready: false, status: 'Verbindung zur Kamera gestört' })
    heartbeat.notReady()
    expect(only(region)).toMatchObject({ ready: false, status: null })
  })

  it('shows a phase and its budget, and the fresh sign of life at both its ends', async () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    heartbeat.beat()
    await sleep(20)
    const phase = heartbeat.phase('Modell laden', { budget: '30s' })
    const inside = only(region)
    expect(inside).toMatchObject({ phase: 'Modell laden', limitMs: 30_000, maxAgeMs: 20_000, state: 'running' })
    expect(inside.lastBeatAgoMs! - inside.ageMs).toBeGreaterThan(19)
    await sleep(20)
    phase.end()
    const outside = only(region)
    expect(outside).toMatchObject({ phase: null, limitMs: 20_000 })
    expect(outside.lastBeatAgoMs! - outside.ageMs).toBeGreaterThan(39)
  })

  it('lists workers in the order of their slots, each with its own record', () => {
    const region = uniqueRegion()
    const names = ['b', 'a', 'c']
    for (const [i, name] of names.entries()) {
      const heartbeat = claim(region, { name })
      for (let n = 0; n <= i; n++) heartbeat.beat()
    }
    const workers = Region.open(region).workers()
    expect(workers.map(({ name, slot, beats }) => [name, slot, beats])).toEqual([
      ['b', 0, 1],
      ['a', 1, 2],
      ['c', 2, 3],
    ])
    expect(new Set(workers.map(({ incarnation }) => incarnation)).size).toBe(3)
  })

  it('is empty of a region that nobody has claimed in', () => {
    const region = uniqueRegion()
    claim(region).stop()
    poke(region, 'Header', 'used_slots', 0)
    expect(Region.open(region).workers()).toEqual([])
  })

  it('is of the region that is there now, not of the one that was opened', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    heartbeat.stop()
    const reader = Region.open(region)
    poke(region, 'Header', 'version', 77) // the next claim makes it anew
    claim(region, { name: 'newcomer' })
    expect(reader.workers().map(({ name }) => name)).toEqual(['newcomer'])
  })

  it('of a dead one says so, and keeps its record', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ region, name: 'grabber', maxAge: '20s', cycleLimit: '1s' })
    await worker.ask({ do: 'beat', times: 3 })
    expect(only(region)).toMatchObject({ state: 'running', pid: worker.pid, tid: worker.pid })
    await worker.kill()
    expect(only(region)).toMatchObject({ state: 'dead', pid: worker.pid, beats: 3, cycleLimitMs: 1_000 })
  })
})

describe('markRestart', () => {
  const states = (reader: Region) => reader.workers().map(({ name, state }) => `${name} ${state}`)

  it('forgives the named worker and nobody else, and is counted', async () => {
    const region = uniqueRegion()
    claim(region, { name: 'living' }).beat()
    const workers = await Promise.all(
      ['web', 'grabber'].map((name) => WorkerProcess.claim({ region, name, maxAge: '20s' })),
    )
    for (const worker of workers) {
      await worker.ask({ do: 'beat' })
      await worker.kill()
    }
    const reader = Region.open(region)
    reader.markRestart('web', { budget: '1h' })
    expect(states(reader).sort()).toEqual(['grabber dead', 'living running', 'web starting'])
    expect(reader.verdict()).toMatchObject({ verdict: 'dead', worker: 'grabber' })
    reader.markRestart('grabber', { budget: '1h' })
    expect(reader.verdict()).toMatchObject({ verdict: 'starting', healthy: true })
    expect(reader.workers().map(({ name, restarts }) => `${name} ${restarts}`)).toContain('web 1')
  })

  it('of a name that was never claimed is refused', () => {
    const region = uniqueRegion()
    claim(region)
    expect(() => Region.open(region).markRestart('nobody')).toThrow(expect.objectContaining({ code: 'NO_SUCH_WORKER' }))
  })
})
