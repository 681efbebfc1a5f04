import { describe, expect, it } from 'vitest'
import { boots, guardRuns, pullFails, scheduled } from '../../fakes/kube-api/index.js'
import { until } from '../../support/until.js'
import { Desk, RunnerProcess } from './process.js'

const lines = Array.from({ length: 400 }, (_, index) => `line ${index + 1}\n`)

describe('run', () => {
  it("writes the build's output to standard output and nothing else there, and the result to its file", async () => {
    const desk = await Desk.open()
    desk.kube.scenario('green-1', [...boots(), guardRuns({ steps: [{ output: 'one\n' }, { output: 'two\n' }] })])
    const { code, stdout, stderr } = await desk.call('run', desk.build('green'), '--result', desk.path('result.json'))
    expect(stderr).toContain('build green succeeded')
    expect(stdout).toBe('one\ntwo\n')
    expect(code).toBe(0)
    expect(desk.result()).toMatchObject({ version: 1, build: 'green', outcome: 'succeeded', exitCode: 0 })
  })

  it('exits as the table says, and says why and what to do', async () => {
    const desk = await Desk.open()
    desk.kube.scenario('red-1', [...boots(), guardRuns({ steps: [{ exit: 3 }] })])
    desk.kube.scenario('hung-1', [...boots(), guardRuns({ steps: [{ outcome: 'stalled' }] })])
    desk.kube.scenario('typo-1', [scheduled(), pullFails()])
    const red = await desk.call('run', desk.build('red'))
    expect(red).toMatchObject({ code: 1 })
    expect(red.stderr).toMatch(/build red failed \(step-failed\): .*"install".*\n(.*\n)*.*what to do: /)
    expect(await desk.call('run', desk.build('hung'))).toMatchObject({ code: 4 })
    expect(await desk.call('run', desk.build('typo'))).toMatchObject({ code: 3, stdout: '' })
  })

  it.each([
    [['run', '--nonsense'], 'unknown option'],
    [['run', 'a.yaml', 'b.yaml'], 'too many arguments'],
    [['fly'], 'unknown command'],
    [['run', 'missing.yaml'], 'missing.yaml'],
  ])('exits with 2 for %j', async ([command, ...args], words) => {
    const desk = await Desk.open()
    const { code, stderr } = await desk.call(command as string, ...(args as string[]))
    expect(stderr).toContain(words)
    expect(code).toBe(2)
  })

  it('lists the exit statuses in its help', async () => {
    const { code, stdout } = await new RunnerProcess(['run', '--help'], {}).ended
    expect(code).toBe(0)
    expect(stdout).toMatch(/130 {2}cancelled/)
  })

  it('cancels at a SIGTERM, waits, and keeps the end of the log', async () => {
    const desk = await Desk.open()
    desk.kube.scenario('long-1', [...boots(), guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }] })])
    const runner = desk.start('run', desk.build('long'), '--result', desk.path('result.json'))
    await until('output', () => runner.stdout.includes('begun'))
    runner.child.kill('SIGTERM')
    expect((await runner.ended).code).toBe(130)
    expect(desk.result()).toMatchObject({ outcome: 'cancelled', steps: [{ outcome: 'terminated' }] })
    expect(desk.kube.list('pods')).toEqual([])
  })

  it('leaves the build at the second, and says how to go on', async () => {
    const desk = await Desk.open()
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

  it('leaves the build when the API server is gone for longer than --patience', async () => {
    const desk = await Desk.open()
    desk.kube.scenario('gone-1', [...boots(), guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }] })])
    const runner = desk.start('run', desk.build('gone'), '--patience', '1500ms')
    await until('output', () => runner.stdout.includes('begun'))
    desk.kube.faults.always('*', /./, { drop: true })
    desk.kube.dropConnections()
    const { code, stderr } = await runner.ended
    expect(stderr).toContain('attach')
    expect(code).toBe(8)
  })
})

describe('attach', () => {
  it('takes over after a kill -9, with the log from its start', async () => {
    const desk = await Desk.open()
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

  it('refuses a launch that is not complete, and `run` goes on from there', async () => {
    const desk = await Desk.open()
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

  it('says that it knows no such build', async () => {
    const desk = await Desk.open()
    expect(await desk.call('attach', 'nobody')).toMatchObject({ code: 2, stderr: expect.stringContaining('nobody') })
  })
})

describe('cancel', () => {
  it('ends a build that another process follows', async () => {
    const desk = await Desk.open()
    desk.kube.scenario('both-1', [...boots(), guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }] })])
    const runner = desk.start('run', desk.build('both'))
    await until('output', () => runner.stdout.includes('begun'))
    expect(await desk.call('cancel', 'both')).toMatchObject({ code: 0 })
    expect((await runner.ended).code).toBe(130)
    expect(desk.kube.list('jobs')).toEqual([])
  })
})

describe('compare', () => {
  it('prints the table of both classes, and leaves no Job', async () => {
    const desk = await Desk.open([], { runtimeClasses: ['kata-qemu', 'kata-clh'] })
    const ended = await desk.call(
      'compare',
      desk.build('race'),
      '--runtime-class',
      'kata-qemu',
      '--runtime-class',
      'kata-clh',
      '--repeat',
      '2',
    )
    expect(ended.code).toBe(0)
    expect(ended.stdout).toMatch(/\| kata-qemu +\| kata-clh +\|/)
    expect(ended.stdout).toMatch(/2 of 2 +\| 2 of 2/)
    await until('no Job', () => desk.kube.list('jobs').length === 0)
  })

  it('wants two classes', async () => {
    const desk = await Desk.open()
    expect(await desk.call('compare', desk.build('one'), '--runtime-class', 'kata')).toMatchObject({ code: 2 })
  })
})
