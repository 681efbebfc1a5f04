import { Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { untilHolds } from '../support/until.js'

async function start(region: string, workers: number, mark: string) {
  const primary = Program.fixture('cluster-primary', [region, String(workers), mark])
  const pids = new Map<string, number>()
  while (pids.size < workers) {
    const [name, pid] = (await primary.said('up')).split(' ') as [string, string]
    pids.set(name, Number(pid))
  }
  return { primary, pids }
}

const live = (region: string) =>
  Region.open(region)
    .workers()
    .map(({ name, state }) => `${name} ${state}`)
    .sort()

describe('a cluster', () => {
  it('has a slot for each worker', async () => {
    const region = uniqueRegion()
    await start(region, 3, '20s')
    expect(live(region)).toEqual(['worker-0 running', 'worker-1 running', 'worker-2 running'])
    expect(await probe(['--region', region, '--expect', 'worker-0,worker-1,worker-2'])).toMatchObject({ code: 0 })
  })

  it('passes liveness while its primary restarts a worker, and then again', async () => {
    const region = uniqueRegion()
    const { primary, pids } = await start(region, 2, '20s')
    for (let round = 0; round < 2; round++) {
      process.kill(pids.get('worker-0')!, 'SIGKILL')
      await primary.said('down worker-0')
      expect(await probe(['--region', region])).toMatchObject({ code: 0, stdout: '' })
      expect(await probe(['--region', region, '--expect', 'worker-0'])).toMatchObject({ code: 0 })
      expect(live(region)).toEqual(['worker-0 starting', 'worker-1 running'])
      primary.tell('restart')
      pids.set('worker-0', Number(await primary.said('up worker-0')))
      expect(await probe(['--region', region, '--expect', 'worker-0,worker-1'])).toMatchObject({ code: 0 })
      const worker = Region.open(region)
        .workers()
        .find(({ name }) => name === 'worker-0')
      expect(worker).toMatchObject({
        state: 'running',
        slot: expect.any(Number),
        restarts: round + 1,
        lastWords: { ended: 'died' },
      })
    }
  })

  it('of one worker passes liveness for the budget of the restart, and no longer', async () => {
    const withBudget = async (budget: string) => {
      const region = uniqueRegion()
      const { primary, pids } = await start(region, 1, budget)
      process.kill(pids.get('worker-0')!, 'SIGKILL')
      await primary.said('down')
      return { region, primary }
    }
    const [long, short] = await Promise.all([withBudget('1h'), withBudget('1ms')])
    expect(await probe(['--region', long.region, '--startup-grace', '0'])).toMatchObject({ code: 0 })
    expect(await probe(['--region', long.region, '--check', 'startup'])).toMatchObject({ code: 1 })
    const found = await untilHolds(
      'the budget is over',
      () => probe(['--region', short.region, '--startup-grace', '0']),
      ({ code }) => code !== 0,
    )
    expect(found.stdout).toMatch(/^dead: worker-0 died without stop\(\)/)
    for (const { region, primary } of [long, short]) {
      primary.tell('restart')
      await primary.said('up worker-0')
      expect(await probe(['--region', region])).toMatchObject({ code: 0 })
    }
  })

  it('whose primary marks no restart has a dead worker, unless the probe has a dead grace', async () => {
    const region = uniqueRegion()
    const { primary, pids } = await start(region, 2, 'unmarked')
    process.kill(pids.get('worker-0')!, 'SIGKILL')
    await primary.said('down')
    const found = await probe(['--region', region])
    expect(found.code).toBe(1)
    expect(found.stdout).toMatch(/^dead: worker-0 died without stop\(\)/)
    expect(await probe(['--region', region, '--dead-grace', '10s'])).toMatchObject({ code: 0 })
    primary.tell('restart')
    await primary.said('up worker-0')
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
  })
})
