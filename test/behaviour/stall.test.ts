import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { probe, sleptMs, untilProbeReads } from '../support/probe.js'
import { checks, Scene } from '../support/scene.js'
import { until } from '../support/until.js'
import type { WorkerProcess } from '../support/worker-process.js'

const busy: ChildProcess[] = []
afterEach(() => {
  for (const child of busy.splice(0)) child.kill('SIGKILL')
})

/** Beats every 5 ms, ready. */
async function looping(scene: Scene, maxAge: string): Promise<WorkerProcess> {
  const worker = await scene.beating('a', { maxAge })
  await worker.ask({ do: 'loop', everyMs: 5 })
  return worker
}

/** Stops the worker, and waits until its last beat is older than its max age. */
async function freeze(scene: Scene, worker: WorkerProcess): Promise<void> {
  await worker.freeze()
  await until('the last beat is too old', async () => (await scene.probe('--confirm 0')).code === 1)
}

describe('a worker', () => {
  it('that is stopped by a signal is stalled in every check, with the reason, and healthy once it goes on', async () => {
    const scene = new Scene()
    const worker = await looping(scene, '60ms')
    await freeze(scene, worker)
    expect(await scene.answers()).toBe('stalled stalled stalled')
    expect((await scene.probe('')).stdout).toMatch(
      /^stalled: a last beat \d+(\.\d+)?m?s ago \(limit 60ms\), pid \d+ T \(stopped by a signal\)/,
    )
    worker.signal('SIGCONT')
    // Its next beat may come late by more than its max age on a crowded machine; the probe waits for it.
    expect(await scene.answers('--confirm 30s')).toBe('pass pass pass')
  })

  it('that was frozen is no false alarm, though the probe runs first after the thaw (5 of 5)', async () => {
    const scene = new Scene()
    const worker = await looping(scene, '60ms')
    for (let i = 0; i < 5; i++) {
      // What confirming is for: without it, freeze() sees that the probe says stalled.
      await freeze(scene, worker)
      const looking = scene.probe('--confirm 30s')
      let ended = false
      looking.then(() => {
        ended = true
      })
      // Absence over time: it has seen the old beat, and waits.
      await sleep(50)
      expect(ended).toBe(false)
      worker.signal('SIGCONT')
      expect(await looking).toMatchObject({ code: 0, stdout: '' })
    }
  })

  it('that is frozen for less than its max age is none either, and needs no confirming', async () => {
    const scene = new Scene()
    const worker = await looping(scene, '1h')
    await worker.freeze()
    expect((await scene.probe('--confirm 0')).code).toBe(0)
  })

  it('whose beat is late by less than the confirmation is healthy as soon as it comes', async () => {
    const scene = new Scene()
    const worker = await scene.stalled('a')
    const looking = scene.probe('--confirm 1h')
    await untilProbeReads(scene.region)
    await worker.ask({ do: 'loop', everyMs: 5 })
    expect((await looking).code).toBe(0)
  })

  it('whose first beat is overdue is not saved by saying ready meanwhile', async () => {
    const scene = new Scene()
    const worker = await scene.claim('a', { maxAge: '1ms' })
    const looking = scene.probe('--startup-grace 0 --confirm 400ms')
    await untilProbeReads(scene.region)
    await worker.ask({ do: 'ready' })
    expect((await looking).stdout).toMatch(/^stalled: a no beat since its claim /)
  })

  it('with a blocked event loop is stalled, and healthy once it is free again', async () => {
    const scene = new Scene()
    const worker = await looping(scene, '60ms')
    const blocked = worker.ask({ do: 'block', ms: 800 })
    await until('the worker is stalled', async () => {
      const { code, stdout } = await scene.probe('')
      if (code === 0) return false
      expect(stdout).toMatch(
        /^stalled: a last beat \d+(\.\d+)?ms ago \(limit 60ms\), futex, a lock or a condition \([\w.]+\), pid \d+ S \(sleeping\)/,
      )
      return code === 1
    })
    await blocked
    expect(await scene.answers('--confirm 30s')).toBe('pass pass pass')
  })
})
describe('workers on a crowded machine', () => {
  it('are never a false alarm (100 probes beside four busy loops)', async () => {
    const scene = new Scene()
    // Enough that the worker itself beats in time at load 16: what is tested are the probe's two looks.
    await looping(scene, '5s')
    for (let i = 0; i < 4; i++) busy.push(spawn('sh', ['-c', 'while :; do :; done']))
    const answers = await scene.probeAll(Array(100).fill(''))
    expect(answers.filter(({ code, stdout }) => code !== 0 || stdout !== '')).toEqual([])
  })
})

describe('many stalled workers', () => {
  it('are waited for together: no longer than for one', async () => {
    const scene = new Scene()
    await Promise.all(Array.from({ length: 8 }, (_, i) => scene.stalled(`worker-${i}`)))
    const answer = await scene.probe('--confirm 300ms')
    expect(answer.stdout).toMatch(/^stalled: worker-\d .*\(\+7 more\)/)
    expect(answer.ms).toBeGreaterThanOrEqual(300)
    const slept = await sleptMs(['--region', scene.region, '--confirm', '300ms'])
    expect(slept).toBeGreaterThan(0)
    expect(slept).toBeLessThan(600)
  })
})

describe('a healthy run', () => {
  const dir = mkdtempSync(join(tmpdir(), 'shm-liveness-trace-'))
  afterAll(() => rmSync(dir, { recursive: true }))

  it.each(checks)('of %s makes at most 12 system calls, and opens nothing under /proc', async (check) => {
    const scene = new Scene()
    await looping(scene, '10s')
    const trace = join(dir, check)
    const answer = await probe(['--region', scene.region, '--check', check], { wrapper: ['strace', '-f', '-o', trace] })
    expect(answer).toMatchObject({ code: 0, stdout: '' })
    const calls = readFileSync(trace, 'utf8')
      .split('\n')
      .filter((line) => /^\d+ +\w+\(/.test(line))
    expect(calls[0]).toContain('execve(')
    expect(calls.at(-1)).toContain('exit_group(0)')
    expect(calls.length).toBeLessThanOrEqual(12)
    expect(calls.filter((call) => /\/proc|\/sys/.test(call))).toEqual([])
    expect(calls.filter((call) => /^\d+ +(nanosleep|clock_nanosleep|write)\(/.test(call))).toEqual([])
  })
})
