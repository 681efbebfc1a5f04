import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Region } from 'shm-liveness'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { compiled } from '../support/compiled.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { untilHolds } from '../support/until.js'

const orphans: number[] = []
afterEach(() => {
  for (const pid of orphans.splice(0)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {}
  }
})

/** What the probe says once the region is not healthy any more. */
const untilFound = (region: string) =>
  untilHolds(
    'the probe finds the death',
    () => probe(['--region', region]),
    ({ code }) => code !== 0,
  )

function isAlive(pid: number): boolean {
  return process.kill(pid, 0)
}

const dead = /^dead: parent died without stop\(\), last beat/

describe('a child that a worker has spawned', () => {
  it('does not keep its dead parent alive in the region', async () => {
    const tryOnce = async () => {
      const region = uniqueRegion()
      const worker = Program.fixture('spawns-children', [region, 'once'])
      const child = Number(await worker.said('child'))
      orphans.push(child)
      expect(await worker.ended).toEqual({ code: null, signal: 'SIGKILL' })
      expect((await probe(['--region', region])).stdout).toMatch(dead)
      expect(isAlive(child)).toBe(true)
      const files = readdirSync(`/proc/${child}/fd`).map((fd) => readlinkSync(`/proc/${child}/fd/${fd}`))
      expect(files.filter((file) => file.includes(region))).toEqual([])
    }
    await Promise.all([tryOnce(), tryOnce(), tryOnce()])
  })

  it('nor does one that is just being spawned', async () => {
    const killAfter = async (ms: number) => {
      const region = uniqueRegion()
      const worker = Program.fixture('spawns-children', [region, 'always'])
      await worker.said('spawning')
      await sleep(ms) // no state is waited for: each try kills at another moment of a spawn
      await worker.kill()
      expect((await untilFound(region)).stdout).toMatch(dead)
    }
    for (const ms of [0, 10, 20, 30]) await Promise.all([killAfter(ms), killAfter(ms + 5)])
  })
})

describe('a child that a C++ worker has forked, without exec', () => {
  let forks: string
  beforeAll(() => {
    forks = compiled('forks')
  })

  it('does not keep its dead parent alive in the region', async () => {
    const region = uniqueRegion()
    const worker = Program.run(forks, [region, 'orphan'])
    const child = Number(await worker.said('child'))
    orphans.push(child)
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
    process.kill(worker.pid, 'SIGKILL')
    expect((await untilFound(region)).stdout).toMatch(dead)
    expect(isAlive(child)).toBe(true)
    process.kill(child, 'SIGKILL') // it holds the pipes of the parent's end
    await worker.ended
  })

  it('beats for nobody but under a name of its own, and does its parent no harm', async () => {
    const region = uniqueRegion()
    const worker = Program.run(forks, [region, 'refused'])
    expect(await worker.said('child')).toBe('beat=0 ready=0 phase=0 owns=0')
    expect(await worker.said('taken')).toBe('NAME_TAKEN')
    expect(await worker.said('own')).toBe('OK beat=1')
    const [parent, child] = Region.open(region).workers()
    expect(parent).toMatchObject({ name: 'parent', state: 'running', beats: 1, phase: null, pid: worker.pid })
    expect(child).toMatchObject({ name: 'child', state: 'running', beats: 1 })
    process.kill(child!.pid, 'SIGKILL')
    expect(await worker.said('parent')).toBe('beat=1')
    expect((await probe(['--region', region])).stdout).toMatch(/^dead: child/)
  })
})
