import { Heartbeat, Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'
import { WorkerProcess } from '../support/worker-process.js'

const claim = (region: string, name: string) => ({ region, name, maxAge: '20s', capacity: 4 })
const refusedWith = (code: string) => expect.objectContaining({ name: 'LivenessError', code })

/** Fills the region's four slots with the dead. */
async function fillWithDead(region: string): Promise<string[]> {
  const workers = await Promise.all(Array.from({ length: 4 }, () => WorkerProcess.start()))
  const names = workers.map(({ pid }) => `worker-${pid}`)
  for (const [i, worker] of workers.entries()) {
    await worker.ask({ do: 'claim', options: claim(region, names[i]!) })
    await worker.ask({ do: 'beat' })
  }
  await Promise.all(workers.map((worker) => worker.kill()))
  return names
}

describe('names that are pids', () => {
  it('take stopped slots for ever, the longest unused first', () => {
    const region = uniqueRegion()
    const slots: number[] = []
    for (let i = 0; i < 12; i++) {
      const heartbeat = Heartbeat.claim(claim(region, `worker-${i}`))
      slots.push(
        Region.open(region)
          .workers()
          .find(({ name }) => name === `worker-${i}`)!.slot,
      )
      heartbeat.stop()
    }
    expect(slots).toEqual(Array.from({ length: 12 }, (_, i) => i % 4))
  })

  it('fill the region once they die, and a dead one is never taken by another name', async () => {
    const region = uniqueRegion()
    const names = await fillWithDead(region)
    expect(() => Heartbeat.claim(claim(region, 'another'))).toThrow(refusedWith('NO_FREE_SLOT'))
    expect(() => Heartbeat.claim(claim(region, 'another'))).toThrow(/retire/)
    expect(
      Region.open(region)
        .workers()
        .map(({ name, state }) => [name, state]),
    ).toEqual(names.map((n) => [n, 'dead']))
    expect(await probe(['--region', region])).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/\(\+3 more\)\n$/),
    })

    using back = Heartbeat.claim(claim(region, names[2]!))
    expect(back.beat()).toBe(true)
  })

  it('are freed by retire, one by one', async () => {
    const region = uniqueRegion()
    const names = await fillWithDead(region)
    Region.open(region).retire(names[1]!)
    using heartbeat = Heartbeat.claim(claim(region, 'another'))
    expect(heartbeat.beat()).toBe(true)
    expect(Region.open(region).workers()[1]).toMatchObject({
      name: 'another',
      state: 'running',
      lastWords: { name: names[1], ended: 'stopped' },
    })
    expect(() => Heartbeat.claim(claim(region, 'a-third'))).toThrow(refusedWith('NO_FREE_SLOT'))
    for (const name of [names[0]!, names[2]!, names[3]!]) Region.open(region).retire(name)
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
  })
})

describe('retire', () => {
  it('refuses a living worker with STILL_ALIVE, and does it no harm', () => {
    const region = uniqueRegion()
    using heartbeat = Heartbeat.claim(claim(region, 'alive'))
    expect(() => Region.open(region).retire('alive')).toThrow(refusedWith('STILL_ALIVE'))
    expect(heartbeat.beat()).toBe(true)
    expect(Region.open(region).workers()[0]!.state).toBe('running')
  })

  it('refuses a living worker that does not beat: it is stalled, and not dead', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ ...claim(region, 'stopped'), maxAge: '1ms' })
    await worker.ask({ do: 'beat' })
    worker.signal('SIGSTOP')
    expect(() => Region.open(region).retire('stopped')).toThrow(refusedWith('STILL_ALIVE'))
  })

  it('refuses an unknown name with NO_SUCH_WORKER', () => {
    const region = uniqueRegion()
    using _heartbeat = Heartbeat.claim(claim(region, 'alive'))
    expect(() => Region.open(region).retire('nobody')).toThrow(refusedWith('NO_SUCH_WORKER'))
  })

  it('of a stopped or retired one changes nothing', () => {
    const region = uniqueRegion()
    Heartbeat.claim(claim(region, 'gone')).stop()
    Region.open(region).retire('gone')
    Region.open(region).retire('gone')
    expect(Region.open(region).workers()[0]).toMatchObject({ name: 'gone', state: 'stopped' })
  })
})
