import { Heartbeat, LivenessError, Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { uniqueRegion } from '../support/region.js'

function claim(region: string): Heartbeat {
  const heartbeat = Heartbeat.claim({ region, name: 'grabber', maxAge: '20s' })
  heartbeat.beat()
  return heartbeat
}

function only(region: string) {
  return Region.open(region).workers()[0]!
}

describe('stop()', () => {
  it('ends the claim as stopped', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    expect([heartbeat.claimed, only(region).state]).toEqual([true, 'running'])
    heartbeat.stop()
    expect([heartbeat.claimed, only(region).state]).toEqual([false, 'stopped'])
  })

  it('may be called again, and changes nothing then', () => {
    const region = uniqueRegion()
    const first = claim(region)
    first.stop()
    const second = claim(region)
    first.stop()
    first[Symbol.dispose]()
    expect([second.claimed, second.beat(), only(region).state]).toEqual([true, true, 'running'])
    second.stop()
  })

  it('gives the name free at once', () => {
    const region = uniqueRegion()
    for (let i = 1; i <= 10; i++) {
      const heartbeat = claim(region)
      expect(only(region)).toMatchObject({ slot: 0, claims: i, state: 'running' })
      heartbeat.stop()
    }
  })
})

describe('after stop()', () => {
  it('beat() is false and leaves the record as it was', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    heartbeat.stop()
    expect([heartbeat.beat(), heartbeat.beat()]).toEqual([false, false])
    expect(only(region)).toMatchObject({ beats: 1, state: 'stopped' })
  })

  it.each<[string, (heartbeat: Heartbeat) => unknown]>([
    ['ready()', (heartbeat) => heartbeat.ready()],
    ['notReady()', (heartbeat) => heartbeat.notReady()],
    ['phase()', (heartbeat) => heartbeat.phase('calibrate', { budget: '1s' })],
  ])('%s throws STOPPED and names the worker', (_what, call) => {
    const heartbeat = claim(uniqueRegion())
    heartbeat.stop()
    expect(() => call(heartbeat)).toThrow(LivenessError)
    expect(() => call(heartbeat)).toThrow(expect.objectContaining({ code: 'STOPPED' }))
    expect(() => call(heartbeat)).toThrow(/"grabber".*no slot/)
  })

  it('a phase that was begun before may end, and reaches no successor', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    const phase = heartbeat.phase('calibrate', { budget: '1s' })
    heartbeat.stop()
    const successor = claim(region)
    successor.phase('load', { budget: '2s' })
    phase.end()
    phase[Symbol.dispose]()
    expect(only(region)).toMatchObject({ phase: 'load', limitMs: 2_000 })
    successor.stop()
  })

  it('the successor is not touched by the predecessor', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    heartbeat.stop()
    const successor = claim(region)
    successor.ready()
    heartbeat.beat()
    expect(() => heartbeat.notReady('late')).toThrow()
    expect(only(region)).toMatchObject({ beats: 1, ready: true, status: null })
    successor.stop()
  })
})

describe('a using scope', () => {
  it('stops when it is left', () => {
    const region = uniqueRegion()
    {
      using heartbeat = claim(region)
      expect(heartbeat.claimed).toBe(true)
    }
    expect(only(region).state).toBe('stopped')
  })

  it('stops when it is left by a throw', () => {
    const region = uniqueRegion()
    expect(() => {
      using heartbeat = claim(region)
      throw new Error(heartbeat.name)
    }).toThrow('grabber')
    expect(only(region).state).toBe('stopped')
  })

  it('of a phase ends the phase, and not one that was begun in it', () => {
    const region = uniqueRegion()
    using heartbeat = claim(region)
    {
      using outer = heartbeat.phase('outer', { budget: '1m' })
      expect(only(region)).toMatchObject({ phase: outer.name, limitMs: 60_000 })
    }
    expect(only(region)).toMatchObject({ phase: null, limitMs: 20_000 })
    {
      using _outer = heartbeat.phase('outer', { budget: '1m' })
      heartbeat.phase('inner', { budget: '2m' })
    }
    expect(only(region)).toMatchObject({ phase: 'inner', limitMs: 120_000 })
  })
})
