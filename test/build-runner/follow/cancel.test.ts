import { describe, expect, it } from 'vitest'
import { followOptions, newestJob } from '../../../examples/kata-build-runner/follow/attempts.js'
import { cancelBuild } from '../../../examples/kata-build-runner/follow/cancel-from-outside.js'
import {
  alongside,
  boots,
  guardRuns,
  hangs,
  nodeLost,
  pullFails,
  scheduled,
  unschedulable,
} from '../../fakes/kube-api/index.js'
import { buildOf, Scene, withCalls } from './scene.js'

const hanging = [...boots(), guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }], termMs: 20 })]

describe('a cancel', () => {
  it.each([
    ['queued', [unschedulable(), hangs]],
    ['pulling', [scheduled(), pullFails({ why: 'i/o timeout' })]],
    ['scheduled', [scheduled(), hangs]],
  ])('of a build that is %s removes it', async (stage, script) => {
    const scene = await Scene.start()
    scene.kube.scenario('early-1', script)
    const runner = scene.runner()
    const running = runner.start(buildOf('early'))
    await scene.until(`stage ${stage}`, () => runner.shown.stages.includes(stage as never))
    runner.interruption.next()
    expect(await scene.ending(running)).toMatchObject({
      outcome: 'cancelled',
      exitCode: 130,
      failure: { kind: 'cancelled', started: false },
    })
    expect(scene.kube.list('jobs')).toEqual([])
    expect(scene.kube.list('pods')).toEqual([])
    await scene.until('no Secret', () => scene.kube.list('secrets').length === 0)
  })

  it('of a running build keeps the end of its log', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('late-1', hanging)
    const runner = scene.runner()
    const running = runner.start(buildOf('late'))
    await scene.until('output', () => runner.shown.text.includes('begun'))
    runner.interruption.next()
    const result = await scene.ending(running)
    expect(result).toMatchObject({ outcome: 'cancelled', exitCode: 130, failure: { kind: 'cancelled', started: true } })
    expect(result).toMatchObject({ record: { outcome: 'terminated', interim: false }, log: { lostBytes: 0 } })
    expect(result.steps).toMatchObject([{ name: 'install', outcome: 'terminated' }])
    expect(scene.kube.list('jobs')).toEqual([])
    expect(scene.kube.list('pods')).toEqual([])
  })

  it('lowers the deadline after the Job says why, and deletes it last', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('order-1', hanging)
    const runner = scene.runner()
    const running = runner.start(buildOf('order'))
    await scene.until('output', () => runner.shown.text.includes('begun'))
    const before = scene.kube.requests.length
    runner.interruption.next()
    await scene.ending(running)
    const made = scene.kube.requests.slice(before).filter(({ method }) => method === 'PATCH' || method === 'DELETE')
    expect(made.map(({ method, path }) => `${method} ${path.split('?')[0]?.split('/').slice(-2)[0]}`)).toEqual([
      'PATCH jobs',
      'PATCH pods',
      'DELETE jobs',
    ])
  })

  it('deletes the pod where its deadline may not be changed', async () => {
    const scene = await Scene.start()
    scene.kube.authorization.deny('patch', 'pods')
    scene.kube.scenario('strict-1', hanging)
    const runner = scene.runner()
    const running = runner.start(buildOf('strict'))
    await scene.until('output', () => runner.shown.text.includes('begun'))
    runner.interruption.next()
    expect(await scene.ending(running)).toMatchObject({ outcome: 'cancelled', exitCode: 130 })
    expect(scene.kube.list('pods')).toEqual([])
  })

  it('leaves the build when asked twice', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('stuck-1', [
      ...boots(),
      guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }], ignoresTerm: true }),
    ])
    const runner = scene.runner()
    const running = runner.start(buildOf('stuck'))
    await scene.until('output', () => runner.shown.text.includes('begun'))
    runner.interruption.next()
    runner.interruption.next()
    expect(await scene.ending(running)).toMatchObject({ outcome: 'left-running', exitCode: 8 })
    expect(scene.kube.job('stuck-1')).toBeDefined()
  })

  it('is left running when the node of the pod does not answer', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('cut-1', [
      ...boots(),
      alongside(guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }] })),
      nodeLost(1e6),
    ])
    const runner = scene.runner({ patienceMs: 60_000 })
    const running = runner.start(buildOf('cut'))
    await scene.until('running', () => runner.shown.stages.includes('running'))
    runner.interruption.next()
    const result = await scene.ending(running)
    expect([6, 8]).toContain(result.exitCode)
    expect(result.failure?.started ?? true).toBe(true)
  })

  it('from another process is understood by the one that follows, which gets the whole log', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('other-1', hanging)
    const runner = scene.runner()
    const running = runner.start(buildOf('other'))
    await scene.until('output', () => runner.shown.text.includes('begun'))
    const other = scene.runner()
    const job = await newestJob(other.around, 'other')
    const isGone = await scene.ending(cancelBuild(other.around, job!, followOptions(scene.executor), () => {}))
    expect(isGone).toBe(true)
    expect(await scene.ending(running)).toMatchObject({
      outcome: 'cancelled',
      steps: [{ outcome: 'terminated' }],
      log: { lostBytes: 0 },
    })
  })

  it('goes on when the runner that began it was lost', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('half-1', hanging)
    const first = scene.runner({}, (api) =>
      withCalls(api, {
        patchPod: async () => {
          throw new Error('killed')
        },
      }),
    )
    const running = first.start(buildOf('half'))
    await scene.until('output', () => first.shown.text.includes('begun'))
    first.interruption.next()
    await expect(scene.ending(running)).rejects.toThrow('killed')
    expect(scene.kube.podsOf('half-1')).toHaveLength(1)
    const second = scene.runner()
    expect(await second.run(buildOf('half'))).toMatchObject({ outcome: 'cancelled', exitCode: 130 })
    expect(scene.kube.list('jobs')).toEqual([])
  })
})
