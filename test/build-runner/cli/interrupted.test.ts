import { describe, expect, it } from 'vitest'
import { boots, ends, guardRuns, hangs, scheduled } from '../../fakes/kube-api/index.js'
import { Desk, type RunnerCall } from './desk.js'

const running = [...boots(), guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }], ignoresTerm: true })]

/** Ctrl-C twice. @returns the exit status, which must come at the runner's next look at the latest */
async function interruptedTwice(desk: Desk, runner: RunnerCall): Promise<number | null> {
  runner.signal('SIGINT')
  expect(runner.stderr).toContain('SIGINT: ')
  runner.signal('SIGINT')
  const before = desk.clock.now()
  const { code } = await desk.ending(runner)
  expect(desk.clock.now() - before, 'no longer than until the next look at the build').toBeLessThanOrEqual(1_000)
  return code
}

describe('a second Ctrl-C', () => {
  it('acts at once while events do not come, which do not keep the log either', async () => {
    const desk = await Desk.open()
    desk.kube.scenario('mute-1', running)
    desk.kube.faults.always('GET', /events/, { silent: true })
    const runner = desk.start('run', desk.build('mute'))
    await desk.until('output', () => runner.stdout.includes('begun'))
    expect(await interruptedTwice(desk, runner)).toBe(8)
    expect(runner.stderr).toContain('build-runner attach')
  })

  it('acts at once while a build is looked for, of which there is nothing then', async () => {
    const desk = await Desk.open()
    desk.kube.faults.always('GET', /\/jobs/, { silent: true })
    const runner = desk.start('run', desk.build('sought'), '--result', desk.path('result.json'))
    await desk.until('the call', () => desk.kube.requests.some(({ path }) => path.includes('/jobs')))
    expect(await interruptedTwice(desk, runner)).toBe(130)
    expect(desk.result()).toMatchObject({ outcome: 'cancelled', job: 'sought-1' })
    expect(desk.kube.list('jobs')).toEqual([])
  })

  it('acts at once while a Job is let go, and says how to go on', async () => {
    const desk = await Desk.open()
    desk.kube.faults.always('PATCH', /\/jobs/, { silent: true, afterWork: true })
    const runner = desk.start('run', desk.build('letgo'), '--result', desk.path('result.json'))
    await desk.until('the call', () => desk.kube.requests.some(({ method }) => method === 'PATCH'))
    expect(await interruptedTwice(desk, runner)).toBe(8)
    expect(runner.stderr).toContain('build-runner attach')
    expect(desk.result()).toMatchObject({ outcome: 'left-running', exitCode: 8 })
  })
})

describe('compare', () => {
  const classes = ['--runtime-class', 'kata-qemu', '--runtime-class', 'kata-clh']
  const open = () => Desk.open([], { runtimeClasses: ['kata-qemu', 'kata-clh'] })

  it('that is left says with 8 how to go on', async () => {
    const desk = await open()
    desk.kube.scenario('race-kata-qemu-1-1', running)
    const runner = desk.start('compare', desk.build('race'), ...classes, '--show-output')
    await desk.until('output', () => runner.stderr.includes('begun'))
    expect(await interruptedTwice(desk, runner)).toBe(8)
    expect(runner.stderr).toMatch(/build-runner attach .* race-kata-qemu-1\n/)
  })

  it('keeps the table and the results of the runs before one that failed', async () => {
    const desk = await open()
    desk.kube.faults.always('GET', /jobs\?.*race-kata-clh-1/, { status: 403 })
    const { code, stdout } = await desk.call('compare', desk.build('race'), ...classes, '--result', desk.path('r.json'))
    expect(code).toBe(3)
    expect(stdout).toMatch(/1 of 1/)
    expect(desk.result('r.json')).toMatchObject([{ build: 'race-kata-qemu-1', outcome: 'succeeded' }])
  })
})

describe('preflight', () => {
  it('stops at a Ctrl-C with 130, removes what it made, and makes nothing more', async () => {
    const desk = await Desk.open()
    desk.write(
      'executor.yaml',
      `executor:\n${['one', 'two'].map((name) => `  ${name}: {options: {kubernetes: {jobsNamespace: builds, runtimeClass: kata}}}\n`).join('')}  plugin: one\n`,
    )
    desk.kube.scenario(/^preflight-/, [scheduled(), hangs])
    const runner = desk.start('preflight')
    await desk.until('its pod', () => desk.kube.list('pods').length > 0)
    runner.signal('SIGINT')
    const { code, stdout, stderr } = await desk.ending(runner)
    expect(code).toBe(130)
    expect(stderr).not.toContain('build;')
    expect(stdout).not.toContain(' two: ')
    expect([...desk.kube.list('jobs'), ...desk.kube.list('pods')]).toEqual([])
  })

  it('removes the Job of which the answers to the create were lost', async () => {
    const desk = await Desk.open()
    desk.kube.scenario(/^preflight-/, [...boots({ cached: true }), ends({ exitCode: 0 })])
    desk.kube.faults.always('POST', /\/jobs(\?(?!.*dryRun)|$)/, { status: 500, afterWork: true })
    const { stdout } = await desk.call('preflight')
    expect(desk.kube.requests.some(({ method, path }) => method === 'POST' && /\/jobs$/.test(path))).toBe(true)
    expect(stdout).toMatch(/^ok .*self-test/m)
    expect(desk.kube.list('jobs')).toEqual([])
  })
})

it('cancel of a build that has ended says that it had', async () => {
  const desk = await Desk.open()
  await desk.call('run', desk.build('over'))
  const { code, stderr } = await desk.call('cancel', 'over')
  expect(stderr).toContain('build over had ended before, and nothing was cancelled; Job over-1 is gone')
  expect(code).toBe(0)
})

describe('a result that cannot be written', () => {
  it('is found before the launch', async () => {
    const desk = await Desk.open()
    const { code, stderr } = await desk.call('run', desk.build('early'), '--result', desk.folder)
    expect(code).toBe(2)
    expect(stderr).toContain('it is a directory')
    expect(desk.kube.list('jobs')).toEqual([])
  })

  it("is said at the end, where the build's own exit status counts", async () => {
    const desk = await Desk.open()
    desk.kube.scenario('late-1', [...boots(), guardRuns({ steps: [{ output: 'begun\n', tookMs: 500 }, { exit: 3 }] })])
    const runner = desk.start('run', desk.build('late'), '--result', desk.path('later'))
    await desk.until('output', () => runner.stdout.includes('begun'))
    desk.makeFolder('later')
    const { code, stderr } = await desk.ending(runner)
    expect(stderr).toContain('cannot write the result')
    expect(code).toBe(1)
  })
})
