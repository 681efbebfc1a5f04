import { describe, expect, it } from 'vitest'
import { beatOf } from '../../lib/internal/beats.js'
import { claim, only } from '../support/held.js'
import { uniqueRegion } from '../support/region.js'
import { until, untilHolds } from '../support/until.js'

const counted = { clock: 'counted', maxAge: '100ms' } as const

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
})
