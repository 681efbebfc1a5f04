import { Heartbeat, Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { claim } from '../support/held.js'
import { claimByte, holdLock, slotByte } from '../support/lock-holder.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'

const options = (region: string, name: string) => ({ region, name, maxAge: '20s' as const })

describe('a stranger that holds a read lock on a slot', () => {
  it('keeps its name from being claimed, and nothing else: no corpse is left behind', async () => {
    const region = uniqueRegion()
    claim(region, { name: 'job' }).stop()
    claim(region, { name: 'main' }).beat()
    const strangers = [await holdLock(region, slotByte(0, 0), 'read'), await holdLock(region, slotByte(0, 1), 'read')]
    expect(() => Heartbeat.claim(options(region, 'job'))).toThrow(expect.objectContaining({ code: 'SLOT_LOCKED' }))
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
    for (const stranger of strangers) await stranger.kill()
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
    expect(Region.open(region).workers()).toMatchObject([
      { name: 'job', state: 'stopped' },
      { name: 'main', state: 'running' },
    ])
    claim(region, { name: 'job' }).beat()
  })

  it('does not keep another name from a slot of its own', async () => {
    const region = uniqueRegion()
    claim(region, { name: 'job' }).stop()
    await holdLock(region, slotByte(0, 1), 'read')
    await holdLock(region, slotByte(1, 1), 'read')
    claim(region, { name: 'other' }).beat()
    expect(Region.open(region).workers()).toMatchObject([
      { name: 'job', slot: 0 },
      { name: 'other', slot: 2 },
    ])
  })
})

describe('a claim that waits for a claim byte', () => {
  it('on one thread keeps no other thread from beating, starting processes and stopping', async () => {
    const [region, other] = [uniqueRegion(), uniqueRegion()]
    claim(other).stop()
    await holdLock(other, claimByte, 'read')
    const worker = Program.fixture('claims-on-a-thread', [region, other])
    expect(await worker.ended, worker.stderr).toMatchObject({ code: 0 })
    expect(worker.lines).toEqual(['main: started processes, and stopped', 'thread: CLAIM_BUSY'])
  })
})
