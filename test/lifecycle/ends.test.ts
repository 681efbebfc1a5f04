import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'

/** How a process may end, from the outside, and what the probe finds after it. */
interface Stage {
  stage: string
  signal?: NodeJS.Signals
  ends: { code: number | null; signal: NodeJS.Signals | null }
  line: RegExp
}

const stopped = /^stopped: every worker of region \S+ stopped on purpose\n$/
const dead = /^dead: grabber died without stop\(\), last beat \S+ ago, pid \d+\n$/
const byItself = (code: number) => ({ code, signal: null })
const by = (signal: NodeJS.Signals) => ({ code: null, signal })

const stages: Stage[] = [
  { stage: 'stop', ends: byItself(0), line: stopped },
  { stage: 'stop, then beat, then exit', ends: byItself(0), line: stopped },
  { stage: 'stop in a phase', ends: byItself(0), line: stopped },
  { stage: 'stop in an exit handler', ends: byItself(4), line: stopped },
  { stage: 'leave a using scope', ends: byItself(0), line: stopped },
  { stage: 'throw out of a using scope', ends: byItself(1), line: stopped },
  { stage: 'stop on SIGTERM', signal: 'SIGTERM', ends: byItself(0), line: stopped },
  { stage: 'return', ends: byItself(0), line: dead },
  { stage: 'exit', ends: byItself(3), line: dead },
  {
    stage: 'exit before the first beat',
    ends: byItself(0),
    line: /^dead: grabber died without stop\(\), no beat since its claim \S+ ago, pid \d+\n$/,
  },
  {
    stage: 'exit in a phase',
    ends: byItself(0),
    line: /^dead: grabber died without stop\(\), last beat \S+ ago in phase "calibrate", pid \d+\n$/,
  },
  { stage: 'throw', ends: byItself(1), line: dead },
  { stage: 'reject unhandled', ends: byItself(1), line: dead },
  { stage: 'abort', ends: by('SIGABRT'), line: dead },
  { stage: 'wait for a signal', signal: 'SIGKILL', ends: by('SIGKILL'), line: dead },
  { stage: 'wait for a signal', signal: 'SIGTERM', ends: by('SIGTERM'), line: dead },
  { stage: 'wait for a signal', signal: 'SIGINT', ends: by('SIGINT'), line: dead },
  { stage: 'wait for a signal', signal: 'SIGSEGV', ends: by('SIGSEGV'), line: dead },
  { stage: 'wait for a signal', signal: 'SIGBUS', ends: by('SIGBUS'), line: dead },
]

describe('a process', () => {
  const titled = stages.map((stage) => ({
    ...stage,
    after: stage.line === stopped ? 'stopped' : 'dead',
    title: stage.signal ? `${stage.stage} (${stage.signal})` : stage.stage,
  }))
  it.each(titled)('that ends by $title is $after', async ({ stage, signal, ends, line }) => {
    const region = uniqueRegion()
    const worker = Program.fixture('ends-by', [region, stage])
    if (signal !== undefined) {
      await worker.said('waiting')
      expect(await probe(['--region', region])).toMatchObject({ code: 0, stdout: '' })
      await worker.kill(signal)
    }
    expect(await worker.ended).toEqual(ends)
    const found = await probe(['--region', region])
    expect(found).toMatchObject({ code: 1, stderr: '' })
    expect(found.stdout).toMatch(line)
  })

  it('that is stopped by a signal is not dead, but stalled', async () => {
    const region = uniqueRegion()
    const worker = Program.fixture('ends-by', [region, 'wait for a signal'])
    await worker.said('waiting')
    process.kill(worker.pid, 'SIGSTOP')
    const found = await probe(['--region', region, '--max-age', '1ms'])
    expect(found.stdout).toMatch(/^stalled: grabber last beat \S+ ago \(limit 1ms\), pid \d+ T \(stopped by a signal\)/)
    process.kill(worker.pid, 'SIGCONT')
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
  })

  it('leaves nothing but the region behind, however it ended', async () => {
    const stages = ['stop', 'exit', 'throw', 'abort'].map((stage) => ({ stage, region: uniqueRegion() }))
    await Promise.all(stages.map(({ stage, region }) => Program.fixture('ends-by', [region, stage]).ended))
    const left = readdirSync('/dev/shm')
    for (const { region } of stages) expect(left.filter((name) => name.includes(region))).toEqual([region])
  })
})
