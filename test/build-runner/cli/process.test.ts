import { describe, expect, it } from 'vitest'
import { boots, guardRuns } from '../../fakes/kube-api/index.js'
import { until } from '../../support/until.js'
import { ProcessDesk, RunnerProcess } from './process.js'

const lines = Array.from({ length: 400 }, (_, index) => `line ${index + 1}\n`)

describe('run, as a process,', () => {
  it("writes the build's output to standard output and nothing else there, and the result to its file", async () => {
    const desk = await ProcessDesk.open()
    desk.kube.scenario('green-1', [...boots(), guardRuns({ steps: [{ output: 'one\n' }, { output: 'two\n' }] })])
    const { code, stdout, stderr } = await desk.call('run', desk.build('green'), '--result', desk.path('result.json'))
    expect(stderr).toContain('build green succeeded')
    expect(stdout).toBe('one\ntwo\n')
    expect(code).toBe(0)
    expect(desk.result()).toMatchObject({ version: 1, build: 'green', outcome: 'succeeded', exitCode: 0 })
  })

  it('lists the exit statuses in its help', async () => {
    const { code, stdout } = await new RunnerProcess(['run', '--help'], {}).ended
    expect(code).toBe(0)
    expect(stdout).toMatch(/130 {2}cancelled/)
  })

  it('cancels at a SIGTERM, waits, and keeps the end of the log', async () => {
    const desk = await ProcessDesk.open()
    desk.kube.scenario('long-1', [...boots(), guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }] })])
    const runner = desk.start('run', desk.build('long'), '--result', desk.path('result.json'))
    await until('output', () => runner.stdout.includes('begun'))
    runner.child.kill('SIGTERM')
    expect((await runner.ended).code).toBe(130)
    expect(desk.result()).toMatchObject({ outcome: 'cancelled', steps: [{ outcome: 'terminated' }] })
    expect(desk.kube.list('pods')).toEqual([])
  })

  it('leaves the build at the second, and says how to go on', async () => {
    const desk = await ProcessDesk.open()
    desk.kube.scenario('left-1', [
      ...boots(),
      guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }], ignoresTerm: true }),
    ])
    const runner = desk.start('run', desk.build('left'))
    await until('output', () => runner.stdout.includes('begun'))
    runner.child.kill('SIGINT')
    await until('the first', () => runner.stderr.includes('cancelling'))
    runner.child.kill('SIGINT')
    const { code, stderr } = await runner.ended
    expect(code).toBe(8)
    expect(stderr).toMatch(/build-runner attach --config \S+ --kubeconfig \S+ left/)
  })
})

describe('a runner that was killed', () => {
  it('is replaced by `attach`, with the log from its start', async () => {
    const desk = await ProcessDesk.open()
    desk.kube.scenario('lost-1', [...boots(), guardRuns({ steps: [{ output: lines, everyMs: 5 }] })])
    const first = desk.start('run', desk.build('lost'))
    await until('output', () => first.stdout.includes('line 20\n'))
    first.child.kill('SIGKILL')
    await first.ended
    const { code, stdout } = await desk.call('attach', 'lost', '--result', desk.path('result.json'))
    expect(stdout).toBe(lines.join(''))
    expect(code).toBe(0)
    expect(desk.result()).toMatchObject({ outcome: 'succeeded', job: 'lost-1', log: { lostBytes: 0 } })
    expect(desk.kube.podsOf('lost-1')).toHaveLength(1)
  })

  it('while it launched is replaced by `run`, and `attach` says so', async () => {
    const desk = await ProcessDesk.open()
    desk.kube.faults.next('PATCH', /jobs/, { silent: true }, 1)
    const first = desk.start('run', desk.build('half'))
    await until('the Secret', () => desk.kube.find('secrets', 'half-1'))
    await until('the call', () => desk.kube.requests.some(({ method }) => method === 'PATCH'))
    first.child.kill('SIGKILL')
    await first.ended
    const refused = await desk.call('attach', 'half')
    expect(refused).toMatchObject({ code: 3 })
    expect(refused.stderr).toContain('use `run`')
    expect(await desk.call('run', desk.build('half'))).toMatchObject({ code: 0 })
  })
})
