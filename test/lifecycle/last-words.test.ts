import { Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { uniqueRegion } from '../support/region.js'
import { WorkerProcess } from '../support/worker-process.js'

const claim = (region: string) => ({ region, name: 'grabber', maxAge: '20s', cycleLimit: '150ms' })
const only = (region: string) => Region.open(region).workers()[0]!

/** A worker with seven beats, one of them late (not more, also on a crowded machine), and a phase under way. */
async function startWithRecord(region: string): Promise<WorkerProcess> {
  const worker = await WorkerProcess.claim(claim(region))
  await worker.ask({ do: 'beat', times: 6 })
  await worker.ask({ do: 'block', ms: 160 })
  await worker.ask({ do: 'beat' })
  await worker.ask({ do: 'phase', name: 'calibrate', budget: '30s' })
  return worker
}

async function restart(region: string): Promise<void> {
  const worker = await WorkerProcess.claim(claim(region))
  await worker.ask({ do: 'beat' })
}

describe('a restarted worker', () => {
  it('shows what its predecessor, which died, was doing', async () => {
    const region = uniqueRegion()
    const worker = await startWithRecord(region)
    const before = only(region)
    expect(before).toMatchObject({ claims: 1, beats: 7, lateCycles: 1, lastWords: null })
    await worker.kill()
    expect(only(region)).toMatchObject({ state: 'dead', beats: 7, phase: 'calibrate' })
    await restart(region)
    const after = only(region)
    expect(after).toMatchObject({
      state: 'running',
      slot: before.slot,
      claims: 2,
      beats: 1,
      lateCycles: 0,
      phase: null,
    })
    expect(after.lastWords).toEqual({
      ended: 'died',
      name: 'grabber',
      pid: worker.pid,
      incarnation: before.incarnation,
      beats: 7,
      lastBeatAgoMs: expect.any(Number),
      claimedAgoMs: expect.any(Number),
      worstCycleMs: before.worstCycleMs,
      lateCycles: 1,
      limitMs: 30_000,
      phase: 'calibrate',
      where: null,
      slowPlaces: [],
    })
    expect(after.lastWords!.worstCycleMs).toBeGreaterThan(159)
    expect(after.lastWords!.lastBeatAgoMs).toBeGreaterThan(after.claimedAgoMs)
    expect(after.lastWords!.claimedAgoMs).toBeGreaterThan(after.lastWords!.lastBeatAgoMs!)
    expect(after.incarnation).not.toBe(before.incarnation)
  })

  it('shows that its predecessor stopped', async () => {
    const region = uniqueRegion()
    const worker = await startWithRecord(region)
    await worker.ask({ do: 'endPhase' })
    await worker.ask({ do: 'stop' })
    await restart(region)
    expect(only(region).lastWords).toMatchObject({ ended: 'stopped', beats: 7, phase: null, limitMs: 20_000 })
  })

  it('shows that its predecessor died, also where its restart was marked', async () => {
    const region = uniqueRegion()
    const worker = await startWithRecord(region)
    await worker.kill()
    Region.open(region).markRestart('grabber', { budget: '1h' })
    expect(only(region).state).toBe('starting')
    await restart(region)
    expect(only(region).lastWords).toMatchObject({ ended: 'died', beats: 7, phase: 'calibrate', pid: worker.pid })
  })

  it('shows the latest predecessor only', async () => {
    const region = uniqueRegion()
    const pids: number[] = []
    for (const times of [1, 2, 3]) {
      const worker = await WorkerProcess.claim(claim(region))
      pids.push(worker.pid)
      await worker.ask({ do: 'beat', times })
      await worker.kill()
    }
    expect(only(region)).toMatchObject({ claims: 3, beats: 3, lastWords: { beats: 2, pid: pids[1] } })
  })

  it('shows a predecessor that never beat', async () => {
    const region = uniqueRegion()
    await (await WorkerProcess.claim(claim(region))).kill()
    await restart(region)
    expect(only(region).lastWords).toMatchObject({ ended: 'died', beats: 0, lastBeatAgoMs: null, worstCycleMs: 0 })
  })

  it('shows whose slot it was, when it took that of another name', async () => {
    const region = uniqueRegion()
    const first = await WorkerProcess.claim({ ...claim(region), name: 'encoder', capacity: 1 })
    await first.ask({ do: 'beat', times: 4 })
    await first.ask({ do: 'stop' })
    await restart(region)
    expect(only(region)).toMatchObject({ name: 'grabber', lastWords: { name: 'encoder', ended: 'stopped', beats: 4 } })
  })
})
