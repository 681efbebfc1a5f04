import { setTimeout as sleep } from 'node:timers/promises'
import { Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { claim, only } from '../support/held.js'
import { uniqueRegion } from '../support/region.js'

const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0)

function block(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

describe('the histogram', () => {
  it('counts each cycle once: one less than there are beats', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    heartbeat.beat()
    expect(sum(only(region).histogram)).toBe(0)
    for (let i = 0; i < 4_999; i++) heartbeat.beat()
    const { beats, histogram } = only(region)
    expect([beats, sum(histogram)]).toEqual([5_000, 4_999])
  })

  it('counts a cycle where its power of two is', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    heartbeat.beat()
    for (let i = 0; i < 5; i++) {
      block(10) // 2^23 ns is 8.4 ms, 2^24 is 16.8
      heartbeat.beat()
    }
    const { histogram, worstCycleMs } = only(region)
    expect(sum(histogram.slice(0, 23))).toBe(0)
    expect(sum(histogram)).toBe(5)
    const worstBin = histogram.findLastIndex((count) => count > 0)
    expect(worstBin).toBe(Math.floor(Math.log2(worstCycleMs * 1e6)))
    if (worstCycleMs < 16.7) expect(histogram[23]).toBe(5)
  })

  it('times no cycle that begins or ends in a phase', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    heartbeat.beat()
    heartbeat.beat()
    {
      using _phase = heartbeat.phase('load', { budget: '1m' })
      block(60)
      for (let i = 0; i < 10; i++) heartbeat.beat()
    }
    heartbeat.beat()
    heartbeat.beat()
    const { beats, histogram, worstCycleMs } = only(region)
    expect([beats, sum(histogram)]).toEqual([14, 2])
    expect(worstCycleMs).toBeLessThan(60)
  })

  it('begins anew with each claim', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    for (let i = 0; i < 100; i++) heartbeat.beat()
    heartbeat.stop()
    claim(region)
    expect(only(region)).toMatchObject({ beats: 0, worstCycleMs: 0, histogram: Array(64).fill(0) })
  })
})

describe('the worst cycle', () => {
  it('is the longest, and stays', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    heartbeat.beat()
    block(25)
    heartbeat.beat()
    const { worstCycleMs } = only(region)
    expect(worstCycleMs).toBeGreaterThan(25)
    expect(worstCycleMs).toBeLessThan(500)
    block(2)
    heartbeat.beat()
    heartbeat.beat()
    expect(only(region).worstCycleMs).toBe(worstCycleMs)
  })
})

describe('the cycle limit', () => {
  it('counts each cycle beyond it, also those that are not the worst, and keeps the time of the latest', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region, { cycleLimit: '50ms' })
    heartbeat.beat()
    for (const ms of [120, 60, 1, 80]) {
      block(ms)
      heartbeat.beat()
    }
    const first = only(region)
    expect(first.lateCycles).toBe(3)
    expect(first.worstCycleMs).toBeGreaterThan(120)
    expect(first.lastLateAgoMs).toBeLessThan(1_000)
    expect(first.lastLateAgoMs).toBe(first.lastBeatAgoMs)
    heartbeat.beat() // may be late itself
    block(1)
    heartbeat.beat()
    const second = only(region)
    expect(second.lastLateAgoMs).toBeGreaterThan(second.lastBeatAgoMs!)
  })

  it('is no limit on the first beat, nor on phases', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region, { cycleLimit: '5ms' })
    block(20)
    heartbeat.beat()
    heartbeat.phase('load', { budget: '1m' })
    block(20)
    heartbeat.beat()
    block(20)
    heartbeat.phase('calibrate', { budget: '1m' }).end()
    heartbeat.beat()
    expect(only(region)).toMatchObject({ lateCycles: 0, lastLateAgoMs: null })
  })

  it('fails readiness for as long as the cycle window, and nothing else', async () => {
    const region = uniqueRegion()
    const heartbeat = claim(region, { cycleLimit: '10ms' })
    heartbeat.ready()
    heartbeat.beat()
    block(30)
    heartbeat.beat()
    const reader = Region.open(region)
    expect(reader.verdict({ check: 'readiness' }).verdict).toBe('healthy')
    const late = reader.verdict({ check: 'readiness', cycleWindow: '500ms' })
    expect(late).toMatchObject({ verdict: 'late', healthy: false, exitCode: 1, worker: 'grabber' })
    expect(late.line).toMatch(
      /^late: grabber last exceeded its cycle limit \S+ ago \(limit 10ms\), 1 times, worst cycle/,
    )
    expect(reader.verdict({ cycleWindow: '500ms' }).verdict).toBe('healthy')
    await sleep(550)
    expect(reader.verdict({ check: 'readiness', cycleWindow: '500ms' }).verdict).toBe('healthy')
  })
})

describe('the coarse clock', () => {
  it('beats in steps of the kernel, never into the future', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region, { clock: 'coarse' })
    for (let i = 0; i < 50; i++) {
      heartbeat.beat()
      const worker = only(region)
      expect(worker.clock).toBe('coarse')
      expect(worker.lastBeatAgoMs).toBeLessThan(100)
      block(0.3)
    }
    for (let i = 0; i < 1_000; i++) heartbeat.beat()
    const { beats, histogram, state } = only(region)
    expect({ beats, state }).toEqual({ beats: 1_050, state: 'running' })
    expect(sum(histogram)).toBe(1_049)
    expect(histogram[0]).toBeGreaterThan(0) // beats within one step are 0 ns apart
  })
})
