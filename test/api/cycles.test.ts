import { Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { claim, only } from '../support/held.js'
import { uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'

const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0)

function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

/** How long it took: no cycle within it was longer, on however crowded a machine. */
function msOf(work: () => void): number {
  const began = performance.now()
  work()
  return performance.now() - began
}

/** When a beat came, in ms: not before, and not after. */
function beatBetween(beat: () => boolean): { from: number; to: number } {
  const from = performance.now()
  beat()
  return { from, to: performance.now() }
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
    const twice = () => {
      heartbeat.beat()
      heartbeat.beat()
    }
    const before = msOf(twice)
    {
      using _phase = heartbeat.phase('load', { budget: '1m' })
      block(30)
      for (let i = 0; i < 10; i++) heartbeat.beat()
    }
    const after = msOf(twice)
    const { beats, histogram, worstCycleMs } = only(region)
    expect([beats, sum(histogram)]).toEqual([14, 2])
    expect(worstCycleMs).toBeLessThanOrEqual(Math.max(before, after))
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
    let lastMs = 0
    const most = msOf(() => {
      heartbeat.beat()
      block(150)
      lastMs = performance.now()
      heartbeat.beat()
    })
    const { worstCycleMs } = only(region)
    expect(worstCycleMs).toBeGreaterThan(149)
    expect(worstCycleMs).toBeLessThanOrEqual(most)
    block(2)
    heartbeat.beat()
    heartbeat.beat()
    const since = performance.now() - lastMs // longer than 150 only on a crowded machine
    const after = only(region).worstCycleMs
    expect(after).toBeGreaterThanOrEqual(worstCycleMs)
    expect(after).toBeLessThanOrEqual(Math.max(worstCycleMs, since))
  })
})

describe('the cycle limit', () => {
  it('counts each cycle beyond it, also those that are not the worst, and keeps the time of the latest', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region, { cycleLimit: '100ms' })
    const cycles: { least: number; most: number }[] = []
    let last = beatBetween(heartbeat.beat)
    for (const ms of [220, 110, 1, 130]) {
      block(ms)
      const next = beatBetween(heartbeat.beat)
      cycles.push({ least: next.from - last.to, most: next.to - last.from })
      last = next
    }
    const first = only(region)
    // Three each, on a machine that is not crowded.
    expect(first.lateCycles).toBeGreaterThanOrEqual(cycles.filter(({ least }) => least > 100).length)
    expect(first.lateCycles).toBeLessThanOrEqual(cycles.filter(({ most }) => most > 100).length)
    expect(first.worstCycleMs).toBeGreaterThan(219)
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
    const late = reader.verdict({ check: 'readiness', cycleWindow: '1h' })
    expect(late).toMatchObject({ verdict: 'late', healthy: false, exitCode: 1, worker: 'grabber' })
    expect(late.line).toMatch(
      /^late: grabber last exceeded its cycle limit \S+ ago \(limit 10ms\), 1 times, worst cycle/,
    )
    expect(reader.verdict({ cycleWindow: '1h' }).verdict).toBe('healthy')
    await until('the window is over', () => reader.verdict({ check: 'readiness', cycleWindow: '50ms' }).healthy)
  })
})

describe('the coarse clock', () => {
  it('beats in steps of the kernel, never into the future', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region, { clock: 'coarse' })
    const longestStepMs = 10 // of a kernel with 100 ticks a second
    for (let i = 0; i < 10; i++) {
      let ago = Number.NaN
      const most = msOf(() => {
        heartbeat.beat()
        const { clock, lastBeatAgoMs } = only(region)
        expect(clock).toBe('coarse')
        ago = lastBeatAgoMs!
      })
      expect(ago).toBeLessThanOrEqual(most + longestStepMs)
    }
    for (let i = 0; i < 1_000; i++) heartbeat.beat()
    const { beats, histogram, state } = only(region)
    expect({ beats, state }).toEqual({ beats: 1_010, state: 'running' })
    expect(sum(histogram)).toBe(1_009)
    expect(histogram[0]).toBeGreaterThan(0) // beats within one step are 0 ns apart
  })
})
