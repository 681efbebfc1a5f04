import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { boots, guardRuns, pullFails, scheduled } from '../../fakes/kube-api/index.js'
import { Desk } from './desk.js'

describe('run', () => {
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

  it('has a version, and its name before every error', async () => {
    const desk = await Desk.open()
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
    expect(await desk.call('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    expect((await desk.call('run', '--nonsense')).stderr).toMatch(/^build-runner: unknown option/)
  })

  it('leaves the build when the API server is gone for longer than --patience', async () => {
    const desk = await Desk.open()
    desk.kube.scenario('gone-1', [...boots(), guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }] })])
    const runner = desk.start('run', desk.build('gone'), '--patience', '90s')
    await desk.until('output', () => runner.stdout.includes('begun'))
    desk.kube.faults.always('*', /./, { drop: true })
    desk.kube.dropConnections()
    const { code, stderr } = await desk.ending(runner)
    expect(stderr).toContain('attach')
    expect(code).toBe(8)
  })
})

describe('attach', () => {
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
    await desk.until('output', () => runner.stdout.includes('begun'))
    expect(await desk.call('cancel', 'both')).toMatchObject({ code: 0 })
    expect((await desk.ending(runner)).code).toBe(130)
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
    await desk.until('no Job', () => desk.kube.list('jobs').length === 0)
  })

  it('wants two classes', async () => {
    const desk = await Desk.open()
    expect(await desk.call('compare', desk.build('one'), '--runtime-class', 'kata')).toMatchObject({ code: 2 })
  })
})
