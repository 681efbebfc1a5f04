import { rmSync, truncateSync } from 'node:fs'
import { Heartbeat, Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { claim, only } from '../support/held.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'

const removedRegion = (): { region: string; heartbeat: Heartbeat } => {
  const region = uniqueRegion()
  const heartbeat = claim(region)
  heartbeat.beat()
  rmSync(pathOf(region))
  return { region, heartbeat }
}

/** The next warning of this process about that region: others may come late, from tests before. */
function warningAbout(region: string): Promise<Error> {
  return new Promise((resolve) => {
    const listener = (warned: Error & { code?: string }) => {
      if (warned.code !== 'REGION_REMOVED' || !warned.message.includes(region)) return
      process.off('warning', listener)
      resolve(warned)
    }
    process.on('warning', listener)
  })
}

describe('a worker whose region is removed', () => {
  it('comes back by its beats alone, with what it had said, and warns', async () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    heartbeat.ready()
    heartbeat.phase('calibrate', { budget: '1h' })
    const warned = warningAbout(region)
    rmSync(pathOf(region))
    await until('a beat has claimed it anew', () => heartbeat.beat() && heartbeat.comebacks === 1)
    expect(only(region)).toMatchObject({ name: 'grabber', ready: true, phase: 'calibrate', limitMs: 3_600_000 })
    expect((await warned).message).toContain(`region "${region}" of worker "grabber" was removed`)
  })

  it.each<[string, (heartbeat: Heartbeat) => unknown]>([
    ['claimed', (heartbeat) => heartbeat.claimed],
    ['ready()', (heartbeat) => heartbeat.ready()],
    ['notReady()', (heartbeat) => heartbeat.notReady('draining')],
    ['phase()', (heartbeat) => heartbeat.phase('a', { budget: '1s' })],
  ])('comes back at once when asked for %s', (_, ask) => {
    const { region, heartbeat } = removedRegion()
    ask(heartbeat)
    expect(heartbeat.comebacks).toBe(1)
    expect(only(region)).toMatchObject({ name: 'grabber', state: 'running' })
  })

  it('does not come back once another worker has its name, and says so', async () => {
    const { region, heartbeat } = removedRegion()
    claim(region).beat()
    const warned = warningAbout(region)
    expect(heartbeat.claimed).toBe(false)
    expect(() => heartbeat.ready()).toThrow(expect.objectContaining({ code: 'REGION_REMOVED' }))
    expect(heartbeat.beat()).toBe(false)
    expect((await warned).message).toContain('Another worker has the name now')
    expect(Region.open(region).workers()).toHaveLength(1)
  })

  it('says what it said meanwhile, once the worker that took its name has stopped', () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    heartbeat.ready()
    const phase = heartbeat.phase('calibrate', { budget: '1h' })
    rmSync(pathOf(region))
    const other = claim(region)
    phase.end()
    expect(() => heartbeat.notReady('draining')).toThrow(expect.objectContaining({ code: 'REGION_REMOVED' }))
    other.stop()
    expect(heartbeat.claimed).toBe(true)
    expect(only(region)).toMatchObject({ ready: false, status: 'draining', phase: null, limitMs: 20_000 })
  })

  it('does not begin a phase that was refused meanwhile', () => {
    const { region, heartbeat } = removedRegion()
    const other = claim(region)
    expect(() => heartbeat.phase('calibrate', { budget: '1h' })).toThrow(
      expect.objectContaining({ code: 'REGION_REMOVED' }),
    )
    other.stop()
    expect(heartbeat.claimed).toBe(true)
    expect(only(region)).toMatchObject({ phase: null, limitMs: 20_000 })
  })

  it('that was cut short comes back, too', async () => {
    const region = uniqueRegion()
    const heartbeat = claim(region)
    heartbeat.ready()
    heartbeat.phase('calibrate', { budget: '1h' })
    truncateSync(pathOf(region), 0)
    await until('a beat has claimed it anew', () => heartbeat.beat() && heartbeat.comebacks === 1)
    expect(only(region)).toMatchObject({ name: 'grabber', state: 'running', ready: true, phase: 'calibrate' })
  })

  it('can be claimed by its old name only once', () => {
    const { region, heartbeat } = removedRegion()
    expect(heartbeat.claimed).toBe(true)
    expect(() => Heartbeat.claim({ region, name: 'grabber', maxAge: '20s' })).toThrow(
      expect.objectContaining({ code: 'NAME_TAKEN' }),
    )
  })
})
