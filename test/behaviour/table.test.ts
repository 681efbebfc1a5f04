import { describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'
import { WorkerProcess } from '../support/worker-process.js'

type Check = 'startup' | 'liveness' | 'readiness'

/** The exit codes of the three checks, and the verdict words of those that fail. */
async function ask(region: string, flags: string[] = []): Promise<Record<Check, string>> {
  const answers = {} as Record<Check, string>
  for (const check of ['startup', 'liveness', 'readiness'] as const) {
    const { code, stdout } = await probe(['--region', region, '--check', check, ...flags])
    answers[check] = code === 0 ? 'pass' : `${stdout.split(':')[0]}`
  }
  return answers
}

async function beating(region: string, name: string, { ready = true } = {}): Promise<WorkerProcess> {
  const worker = await WorkerProcess.claim({ region, name, maxAge: '500ms' })
  if (ready) await worker.ask({ do: 'ready' })
  await worker.ask({ do: 'loop', everyMs: 10 })
  return worker
}

const all = (word: string) => ({ startup: word, liveness: word, readiness: word })

describe('one worker', () => {
  it('without a region is missing, but for the grace', async () => {
    const region = uniqueRegion()
    expect(await ask(region, ['--startup-grace', '0'])).toEqual(all('missing'))
    expect(await ask(region, ['--startup-grace', '8784h'])).toEqual({ ...all('missing'), liveness: 'pass' })
  })

  it('claimed, without a beat, passes liveness within the grace', async () => {
    const region = uniqueRegion()
    await WorkerProcess.claim({ region, name: 'a', maxAge: '100ms' })
    expect(await ask(region)).toEqual({ ...all('starting'), liveness: 'pass' })
    expect(await ask(region, ['--startup-grace', '1ns'])).toEqual(all('stalled'))
  })

  it('in its first phase passes liveness within the budget, whatever the grace', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ region, name: 'a', maxAge: '100ms' })
    await worker.ask({ do: 'phase', name: 'load', budget: '1h' })
    expect(await ask(region, ['--startup-grace', '1ns'])).toEqual({ ...all('starting'), liveness: 'pass' })
    await worker.ask({ do: 'phase', name: 'load', budget: '1ms' })
    expect(await ask(region, ['--confirm', '5ms'])).toEqual(all('stalled'))
  })

  it('beating passes all once it is ready, and none once it stalls', async () => {
    const region = uniqueRegion()
    const worker = await beating(region, 'a', { ready: false })
    expect(await ask(region)).toEqual({ startup: 'pass', liveness: 'pass', readiness: 'not-ready' })
    await worker.ask({ do: 'ready' })
    expect(await ask(region)).toEqual(all('pass'))
    await worker.ask({ do: 'notReady', status: 'draining' })
    expect((await probe(['--region', region, '--check', 'readiness'])).stdout).toContain('(draining)')
    worker.signal('SIGSTOP')
    expect(await ask(region, ['--max-age', '1ms', '--confirm', '50ms'])).toEqual(all('stalled'))
  })

  it('in a phase after beats goes by the budget, and is named with it past that', async () => {
    const region = uniqueRegion()
    const worker = await beating(region, 'a')
    await worker.ask({ do: 'halt' })
    await worker.ask({ do: 'phase', name: 'calibrate', budget: '1h' })
    expect(await ask(region, ['--max-age', '1ns'])).toEqual(all('pass'))
    await worker.ask({ do: 'phase', name: 'calibrate', budget: '10ms' })
    await worker.ask({ do: 'block', ms: 20 })
    const answer = await probe(['--region', region])
    expect(answer.code).toBe(1)
    expect(answer.stdout).toMatch(/^stalled: a last beat [\d.]+m?s ago \(limit 10ms\) in phase "calibrate", pid \d+ S/)
  })

  it('killed is dead, forgiven by liveness within the dead grace', async () => {
    const region = uniqueRegion()
    const worker = await beating(region, 'a')
    await worker.kill()
    expect(await ask(region)).toEqual(all('dead'))
    const { code } = await probe(['--region', region, '--dead-grace', '1m'])
    expect(code).toBe(0)
  })

  it('stopped fails everything if nothing else is left running', async () => {
    const region = uniqueRegion()
    const worker = await beating(region, 'a')
    await worker.ask({ do: 'stop' })
    expect(await ask(region)).toEqual(all('stopped'))
  })

  it('late fails readiness within the cycle window only', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ region, name: 'a', maxAge: '10s', cycleLimit: '20ms' })
    await worker.ask({ do: 'ready' })
    await worker.ask({ do: 'beat' })
    await worker.ask({ do: 'block', ms: 40 })
    await worker.ask({ do: 'beat', times: 5 })
    const readiness = ['--region', region, '--check', 'readiness']
    expect((await probe(readiness)).code).toBe(0)
    expect(await probe([...readiness, '--cycle-window', '1m'])).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^late: a last exceeded its cycle limit .* \(limit 20ms\), 1 times, worst cycle/),
    })
    expect((await probe([...readiness, '--cycle-window', '1ms'])).code).toBe(0)
    expect((await probe(['--region', region])).code).toBe(0)
  })
})

describe('several workers', () => {
  it('fail with the worst of them, unless a quorum will do', async () => {
    const region = uniqueRegion()
    await beating(region, 'a')
    const b = await beating(region, 'b')
    expect(await ask(region, ['--min', '2'])).toEqual(all('pass'))
    await b.kill()
    expect(await ask(region)).toEqual(all('dead'))
    expect(await ask(region, ['--min', '1'])).toEqual(all('pass'))
    expect(await ask(region, ['--min', '2'])).toEqual(all('dead'))
    expect(await ask(region, ['--min', '1', '--expect', 'b'])).toEqual(all('dead'))
    expect(await ask(region, ['--min', '1', '--expect', 'a,a'])).toEqual(all('pass'))
  })

  it('are no fewer than --min, after the grace', async () => {
    const region = uniqueRegion()
    await beating(region, 'a')
    expect(await ask(region, ['--min', '2', '--startup-grace', '0'])).toEqual(all('missing'))
    expect(await ask(region, ['--min', '2', '--startup-grace', '8784h'])).toMatchObject({ liveness: 'pass' })
  })

  it('do not mind one that stopped, unless it is expected', async () => {
    const region = uniqueRegion()
    await beating(region, 'a')
    const b = await beating(region, 'b')
    await b.ask({ do: 'stop' })
    expect(await ask(region)).toEqual(all('pass'))
    expect(await ask(region, ['--expect', 'b'])).toEqual(all('stopped'))
    expect(await ask(region, ['--expect', 'c', '--startup-grace', '0'])).toEqual(all('missing'))
  })

  it('of two regions are judged together', async () => {
    const [one, two] = [uniqueRegion(), uniqueRegion()]
    await beating(one, 'a')
    expect((await probe(['--region', one, '--region', two, '--startup-grace', '0'])).code).toBe(1)
    const b = await beating(two, 'b')
    expect((await probe(['--region', `${one},${two}`, '--expect', 'a,b'])).code).toBe(0)
    await b.kill()
    expect((await probe(['--region', `${one},${two}`])).stdout).toMatch(/^dead: b /)
  })
})
