import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { probe } from '../support/probe.js'
import { checks, Scene } from '../support/scene.js'
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

/** Stops the worker, and waits until its last beat is older than `ageMs`. */
async function freeze(worker: WorkerProcess, ageMs: number): Promise<void> {
  worker.signal('SIGSTOP')
  await eventually(
    () => readFileSync(`/proc/${worker.pid}/stat`, 'utf8').split(') ')[1],
    (rest) => rest?.startsWith('T') === true,
  )
  await sleep(ageMs + 20)
}

describe('a worker', () => {
  it('that is stopped by a signal is stalled in every check, with the reason, and healthy once it goes on', async () => {
    const scene = new Scene()
    const worker = await looping(scene, '60ms')
    for (let i = 0; i < 3; i++) {
      await freeze(worker, 60)
      expect(await scene.answers()).toBe('stalled stalled stalled')
      expect((await scene.probe('')).stdout).toMatch(
        /^stalled: a last beat \d+(\.\d+)?ms ago \(limit 60ms\), pid \d+ T \(stopped by a signal\)/,
      )
      worker.signal('SIGCONT')
      expect(await scene.answers()).toBe('pass pass pass')
    }
  })

  it('that was frozen is no false alarm, though the probe runs first after the thaw (20 of 20)', async () => {
    const scene = new Scene()
    const worker = await looping(scene, '100ms')
    for (let i = 0; i < 20; i++) {
      await freeze(worker, 100)
      // What confirming is for: without it, this is what the probe would say.
      expect((await scene.probe('--confirm 0')).code).toBe(1)
      const looking = scene.probe('')
      let ended = false
      looking.then(() => {
        ended = true
      })
      await sleep(30)
      expect(ended).toBe(false) // it has seen the old beat, and waits
      worker.signal('SIGCONT')
      expect(await looking).toMatchObject({ code: 0, stdout: '' })
    }
  })

  it('that is frozen for less than its max age is none either, and needs no confirming', async () => {
    const scene = new Scene()
    const worker = await looping(scene, '10s')
    await freeze(worker, 100)
    expect((await scene.probe('--confirm 0')).code).toBe(0)
  })

  it('whose beat is late by less than the confirmation is healthy as soon as it comes', async () => {
    const scene = new Scene()
    const worker = await scene.beating('a', { maxAge: '50ms' })
    await sleep(60)
    const looking = scene.probe('--confirm 5s')
    await sleep(100)
    await worker.ask({ do: 'beat' })
    const { code, ms } = await looking
    expect(code).toBe(0)
    expect(ms).toBeLessThan(3000)
  })

  it('whose first beat is overdue is not saved by saying ready meanwhile', async () => {
    const scene = new Scene()
    const worker = await scene.claim('a', { maxAge: '1ms' })
    const looking = scene.probe('--startup-grace 0 --confirm 400ms')
    await sleep(100)
    await worker.ask({ do: 'ready' })
    expect((await looking).stdout).toMatch(/^stalled: a no beat since its claim /)
  })

  it('with a blocked event loop is stalled, and healthy once it is free again', async () => {
    const scene = new Scene()
    const worker = await looping(scene, '60ms')
    const blocked = worker.ask({ do: 'block', ms: 800 })
    await sleep(150)
    const { code, stdout } = await scene.probe('')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^stalled: a last beat \d+(\.\d+)?ms ago \(limit 60ms\), pid \d+ S \(sleeping\)/)
    await blocked
    expect(await scene.answers()).toBe('pass pass pass')
  })

  it('on a crowded machine is never a false alarm (200 probes beside four busy loops)', async () => {
    const scene = new Scene()
    await looping(scene, '250ms')
    for (let i = 0; i < 4; i++) busy.push(spawn('sh', ['-c', 'while :; do :; done']))
    for (let i = 0; i < 200; i++) expect(await scene.probe('')).toMatchObject({ code: 0, stdout: '' })
  })
})

describe('many stalled workers', () => {
  it('are waited for together: no longer than for one', async () => {
    const scene = new Scene()
    await Promise.all(Array.from({ length: 8 }, (_, i) => scene.stalled(`worker-${i}`)))
    const answer = await scene.probe('--confirm 300ms')
    expect(answer.stdout).toMatch(/^stalled: worker-\d .*\(\+7 more\)/)
    expect(answer.ms).toBeGreaterThanOrEqual(300)
    expect(answer.ms).toBeLessThan(8 * 300)
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
