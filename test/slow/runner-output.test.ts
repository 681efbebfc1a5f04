import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ProcessDesk, type RunnerProcess } from '../build-runner/cli/process.js'
import { boots, guardRuns } from '../fakes/kube-api/index.js'
import { until } from '../support/until.js'

const mib = 1024 * 1024
const line = `${'x'.repeat(1023)}\n`

/** The most memory that a process ever had, in MiB. */
function mostMemoryMib({ child }: RunnerProcess): number {
  const [, kib = ''] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

function* pieces(count: number, piece: string): Generator<string> {
  for (let index = 0; index < count; index++) yield piece
}

describe('standard output', () => {
  it('that nobody reads makes the log wait in the cluster, not in memory', async () => {
    const desk = await ProcessDesk.open()
    const steps = [{ output: pieces(96, line.repeat(1024)), everyMs: 5 }, { outcome: 'hangs' as const }]
    desk.kube.scenario('loud-1', [...boots(), guardRuns({ steps })])
    const runner = desk.start('run', desk.build('loud'))
    runner.child.stdout?.pause()
    const isWritten = () => {
      const [pod] = desk.kube.podsOf('loud-1')
      return pod?.status?.phase === 'Running' && desk.kube.logOf(pod).writtenBytes > 90 * mib
    }
    await until('all of it written', isWritten)
    // What is asserted is that nothing more is read: a runner that reads on has read it all by then.
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(mostMemoryMib(runner)).toBeLessThan(170)
    runner.child.kill('SIGINT')
    await until('the first', () => runner.stderr.includes('cancelling'))
    runner.child.kill('SIGINT')
    const code = await new Promise((resolve) => runner.child.once('exit', resolve))
    expect(code).toBe(8)
    runner.child.stdout?.destroy()
  })

  it('whose reader goes is said once, and the build goes on to its own exit status', async () => {
    const desk = await ProcessDesk.open()
    const steps = [{ output: pieces(20, line), everyMs: 20 }, { exit: 3 }]
    desk.kube.scenario('head-1', [...boots(), guardRuns({ steps })])
    const runner = desk.start('run', desk.build('head'), '--result', desk.path('result.json'))
    await until('output', () => runner.stdout.includes('x'))
    runner.child.stdout?.destroy()
    const { code, stderr } = await runner.ended
    expect(code).toBe(1)
    expect(stderr.match(/the output has no reader any more/g)).toHaveLength(1)
    expect(desk.result()).toMatchObject({ failure: { kind: 'step-failed' }, log: { isComplete: true } })
  })
})

describe('standard error', () => {
  it('whose reader goes (2>&1 | head) leaves the build and its exit status as they are', async () => {
    const desk = await ProcessDesk.open()
    desk.kube.scenario('both-1', [...boots(), guardRuns({ steps: [{ output: pieces(20, line), everyMs: 20 }, {}] })])
    const runner = desk.start('run', desk.build('both'), '--progress', '--result', desk.path('result.json'))
    await until('output', () => runner.stdout.includes('x'))
    runner.child.stdout?.destroy()
    runner.child.stderr?.destroy()
    expect((await runner.ended).code).toBe(0)
    expect(desk.result()).toMatchObject({ outcome: 'succeeded' })
  })
})
