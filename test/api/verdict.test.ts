import { rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Heartbeat, Region, type VerdictOptions } from 'shm-liveness'
import { afterEach, describe, expect, it } from 'vitest'
import { probe, probeAll } from '../support/probe.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'
import { WorkerProcess } from '../support/worker-process.js'

const held: Heartbeat[] = []
afterEach(() => {
  for (const heartbeat of held.splice(0)) heartbeat.stop()
})

function claim(region: string, name = 'grabber', maxAge = '20s'): Heartbeat {
  const heartbeat = Heartbeat.claim({ region, name, maxAge, cycleLimit: '10ms' })
  held.push(heartbeat)
  return heartbeat
}

async function dead(region: string, name: string): Promise<void> {
  const worker = await WorkerProcess.claim({ region, name, maxAge: '20s' })
  await worker.ask({ do: 'beat' })
  await worker.kill()
}

const situations: Record<string, (region: string) => unknown> = {
  starting: (region) => claim(region),
  'in a phase before the first beat': (region) => claim(region).phase('load', { budget: '1m' }),
  'beating, not ready': (region) => claim(region).beat(),
  'beating, not ready, with a reason': (region) => {
    const heartbeat = claim(region)
    heartbeat.beat()
    heartbeat.notReady('draining')
  },
  'beating, ready': (region) => {
    const heartbeat = claim(region)
    heartbeat.beat()
    heartbeat.ready()
  },
  'late once': async (region) => {
    const heartbeat = claim(region)
    heartbeat.ready()
    heartbeat.beat()
    await sleep(15) // the cycle itself
    heartbeat.beat()
  },
  stalled: (region) => claim(region, 'grabber', '1ns').beat(),
  'stalled in a phase': (region) => claim(region).phase('load', { budget: '1ns' }),
  dead: (region) => dead(region, 'grabber'),
  stopped: (region) => claim(region).stop(),
  'dead beside a living one': async (region) => {
    await dead(region, 'a')
    claim(region, 'b').beat()
  },
  'stopped beside a living one': (region) => {
    claim(region, 'a').stop()
    claim(region, 'b').beat()
  },
  'dead, and being restarted': async (region) => {
    await dead(region, 'a')
    Region.open(region).markRestart('a', { budget: '1h' })
  },
  'dead, and restarted for too long': async (region) => {
    await dead(region, 'a')
    Region.open(region).markRestart('a', { budget: '1ms' })
    const reader = Region.open(region)
    await until('the budget is over', () => reader.verdict({ startupGrace: 0 }).verdict === 'dead')
  },
}

const questions: [VerdictOptions, string[]][] = [
  [{}, []],
  [{ check: 'readiness' }, ['--check', 'readiness']],
  [{ check: 'startup' }, ['--check', 'startup']],
  [{ startupGrace: 0 }, ['--startup-grace', '0']],
  [{ check: 'readiness', cycleWindow: '1m' }, ['--check', 'readiness', '--cycle-window', '1m']],
  [{ deadGrace: '1m' }, ['--dead-grace', '1m']],
  [{ maxAge: '1ns', confirm: 0 }, ['--max-age', '1ns', '--confirm', '0']],
  [{ maxAge: '1h' }, ['--max-age', '1h']],
  [{ expect: ['grabber', 'b'] }, ['--expect', 'grabber,b']],
  [{ expect: ['b'], min: 1, startupGrace: 0 }, ['--expect', 'b', '--min', '1', '--startup-grace', '0']],
  [{ min: 2 }, ['--min', '2']],
]

/** Without what changes from one look to the next, and without what only the probe looks up. */
function timeless(line: string): string {
  return line.replace(/(\d+(\.\d+)?(ns|us|ms|h|m|s))+ ago/g, 'AGO').replace(/^(stalled: .*?[)"]), .*$/, '$1')
}

describe('verdict()', () => {
  const words = new Set<string>()

  it.each(Object.keys(situations))('agrees with the probe in each of its words: %s', async (situation) => {
    const region = uniqueRegion()
    await situations[situation]!(region)
    const flagsOf = (said: string[]) => (said.includes('--confirm') ? said : [...said, '--confirm', '2ms'])
    const answers = await probeAll(
      questions.flatMap(([, said]) => [
        { args: ['--region', region, ...flagsOf(said)] },
        { args: ['--region', region, '--json', ...flagsOf(said)] },
      ]),
    )
    for (const [i, [asked, said]] of questions.entries()) {
      const flags = flagsOf(said)
      const verdict = Region.open(region).verdict({ confirm: '2ms', ...asked })
      const found = answers[2 * i]!
      const json = JSON.parse(answers[2 * i + 1]!.stdout)
      const about = flags.join(' ')
      expect(found.code, about).toBe(verdict.exitCode)
      expect(timeless(found.stdout.trim()), about).toBe(verdict.healthy ? '' : timeless(verdict.line))
      expect({ verdict: json.verdict, healthy: json.healthy }, about).toEqual({
        verdict: verdict.verdict,
        healthy: verdict.healthy,
      })
      expect(timeless(json.line), about).toBe(timeless(verdict.line))
      expect(verdict.healthy, about).toBe(verdict.exitCode === 0)
      words.add(verdict.verdict)
    }
  })

  it('has said each of its words in these situations, but unusable', () => {
    expect([...words].sort()).toEqual(
      ['healthy', 'starting', 'late', 'not-ready', 'missing', 'stopped', 'stalled', 'dead'].sort(),
    )
  })

  it('of a missing region is a verdict, and no error', () => {
    const region = uniqueRegion()
    claim(region).stop()
    const reader = Region.open(region)
    rmSync(pathOf(region))
    expect(reader.verdict({ startupGrace: 0 })).toEqual({
      verdict: 'missing',
      healthy: false,
      line: `missing: no region ${region}`,
      exitCode: 1,
      worker: null,
      code: null,
    })
  })

  it('of an unusable region is a verdict as well, with its code', () => {
    const region = uniqueRegion()
    claim(region).stop()
    const reader = Region.open(region)
    writeFileSync(pathOf(region), Buffer.alloc(8192, 1))
    expect(reader.verdict()).toMatchObject({ verdict: 'unusable', healthy: false, exitCode: 3, code: 'REGION_MAGIC' })
  })

  it('waits for one new beat before it says stalled, and returns at the first', async () => {
    const region = uniqueRegion()
    const worker = await WorkerProcess.claim({ region, name: 'grabber', maxAge: '1ms' })
    await worker.ask({ do: 'beat' })
    const reader = Region.open(region)
    await until('the beat is too old', () => reader.verdict({ confirm: 0 }).verdict === 'stalled')
    worker.tell({ do: 'loop', everyMs: 5 })
    expect(reader.verdict({ confirm: '1h' })).toMatchObject({ verdict: 'healthy', healthy: true })
    await worker.ask({ do: 'halt' })
    await until('the last beat is too old', () => reader.verdict({ confirm: 0 }).verdict === 'stalled')
    const began = performance.now()
    expect(reader.verdict({ confirm: '120ms' })).toMatchObject({ verdict: 'stalled' })
    expect(performance.now() - began).toBeGreaterThan(119)
  })
})

describe('the environment', () => {
  it('names region and directory where the options do not', async () => {
    const region = uniqueRegion()
    const env = { SHM_LIVENESS_REGION: region }
    const worker = await WorkerProcess.claim({ name: 'grabber', maxAge: '20s' }, { env })
    await worker.ask({ do: 'beat' })
    expect(Region.open(region).workers()).toMatchObject([{ name: 'grabber', pid: worker.pid }])
    expect(await probe([], { env })).toMatchObject({ code: 0 })
    const elsewhere = { SHM_LIVENESS_DIR: '/no/such/directory', SHM_LIVENESS_REGION: region }
    await expect(WorkerProcess.claim({ name: 'grabber', maxAge: '20s' }, { env: elsewhere })).rejects.toMatchObject({
      code: 'REGION_MISSING',
    })
  })
})
