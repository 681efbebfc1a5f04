import { describe, expect, it } from 'vitest'
import {
  alongside,
  boots,
  evicted,
  exceededQuota,
  guardRuns,
  hangs,
  initialized,
  jobVanishes,
  pullFails,
  scheduled,
  secretMissing,
  started,
  startFails,
  unschedulable,
  wait,
  waitsFor,
} from '../../fakes/kube-api/index.js'
import { until } from '../../support/until.js'
import { buildOf, Scene, withCalls } from './scene.js'

describe('a build that is followed', () => {
  it('goes through its stages to success, and shows its output', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('green-1', [
      ...boots({ pullMs: 60, initMs: 40 }),
      guardRuns({ steps: [{ output: 'added 3 packages\n' }, { output: 'ok\n', tookMs: 20 }] }),
    ])
    const runner = scene.runner()
    const result = await runner.run(buildOf('green'))
    expect(result).toMatchObject({ build: 'green', attempt: 1, job: 'green-1', outcome: 'succeeded', exitCode: 0 })
    expect(result).toMatchObject({ node: 'node-1', executor: 'k8s', runtimeClass: 'kata', image: 'node:20' })
    expect(result.record).toMatchObject({ outcome: 'exited', exit: 0, step: { number: 2, of: 2, name: 'test' } })
    expect(result.steps).toMatchObject([
      { number: 1, name: 'install', outcome: 'exited', exit: 0 },
      { number: 2, name: 'test', outcome: 'exited', exit: 0 },
    ])
    expect(result.times).toHaveProperty('started')
    expect(result).toMatchObject({ imageCached: false, log: { lostBytes: 0, gaps: [] }, attempts: [] })
    expect(runner.shown.text).toBe('added 3 packages\nok\n')
    expect(runner.shown.steps).toEqual(['1/2 install', '2/2 test'])
    expect(runner.shown.stages.slice(-2)).toEqual(['running', 'ended'])
  })

  it('tells a step that failed, and does not run it again', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('red-1', [...boots(), guardRuns({ steps: [{ output: 'no\n', exit: 3 }] })])
    const result = await scene.runner().run(buildOf('red'))
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 1, attempts: [], record: { exit: 3 } })
    expect(result.failure).toMatchObject({ kind: 'step-failed', started: true, retry: false })
    expect(scene.kube.job('red-2')).toBeUndefined()
    expect(scene.kube.podsOf('red-1')).toHaveLength(1)
  })

  it('tells a step that stalled, by its name', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('hung-1', [...boots(), guardRuns({ steps: [{}, { outcome: 'stalled' }] })])
    const result = await scene.runner().run(buildOf('hung'))
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 4, failure: { kind: 'stalled' } })
    expect(result.failure?.summary).toContain('"test"')
  })

  it('believes no pod that only looks as if it had succeeded', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('killed-1', [...boots(), guardRuns({ steps: [{}, {}], endsAs: { exitCode: 0, message: '' } })])
    // Its log says it, too; so take that away.
    const runner = scene.runner()
    scene.kube.faults.next('GET', /\/log/, { status: 404, message: 'gone' }, 1000)
    const result = await runner.run(buildOf('killed'))
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 7, failure: { kind: 'unproven' } })
  })

  it('tells an eviction after the start, and leaves it at that', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('big-1', [
      ...boots(),
      alongside(guardRuns({ steps: [{ outcome: 'hangs' }] })),
      wait(50),
      evicted(),
    ])
    const result = await scene.runner().run(buildOf('big'))
    expect(result).toMatchObject({
      outcome: 'failed',
      exitCode: 6,
      attempts: [],
      failure: { kind: 'evicted', started: true },
    })
  })

  it('tells a Job that somebody deleted', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('taken-1', [
      ...boots(),
      alongside(guardRuns({ steps: [{ outcome: 'hangs' }] })),
      wait(50),
      jobVanishes,
    ])
    const result = await scene.runner().run(buildOf('taken'))
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 6, failure: { kind: 'job-vanished', started: true } })
  })
})

describe('a build that never starts', () => {
  const never = { outcome: 'failed', exitCode: 3 }

  it('names an image that does not exist, and takes its Job away', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('typo-1', [scheduled(), pullFails()])
    const result = await scene.runner().run(buildOf('typo'))
    expect(result).toMatchObject({
      ...never,
      failure: { kind: 'image-name', started: false, retry: false },
      attempts: [],
    })
    expect(scene.kube.job('typo-1')).toBeUndefined()
    expect(scene.kube.podsOf('typo-1')).toEqual([])
  })

  it('says why no node takes it, once its stage is over', async () => {
    const scene = await Scene.start(['stageTimeouts: {queued: 8s}', 'launchAttempts: 1'])
    scene.kube.scenario('huge-1', [unschedulable(), hangs])
    const result = await scene.runner().run(buildOf('huge'))
    expect(result).toMatchObject({ ...never, failure: { kind: 'unschedulable' } })
    expect(result.failure?.summary).toContain('3 without the labels')
  })

  it('says that a quota refuses its pod, which only the Job tells', async () => {
    const scene = await Scene.start(['stageTimeouts: {created: 30s}', 'launchAttempts: 1'])
    scene.kube.refuse(
      'pods',
      /^full-/,
      exceededQuota('builds', { requested: 'cpu=6', used: 'cpu=10', limited: 'cpu=12' }),
    )
    const result = await scene.runner().run(buildOf('full'))
    expect(result).toMatchObject({ ...never, failure: { kind: 'quota', started: false } })
  })

  it('says which Secret is missing', async () => {
    const scene = await Scene.start(['stageTimeouts: {starting: 8s, init: 8s, pulling: 8s}', 'launchAttempts: 1'])
    scene.kube.scenario('bare-1', [scheduled(), secretMissing('registry'), hangs])
    const result = await scene.runner().run(buildOf('bare'))
    expect(result).toMatchObject({ ...never, failure: { kind: 'missing-secret' } })
  })
})

describe('attempts', () => {
  it('launches again what failed before its start for a reason of the infrastructure', async () => {
    const scene = await Scene.start(['stageTimeouts: {pulling: 8s}'])
    scene.kube.scenario('flaky-1', [scheduled(), pullFails({ why: 'i/o timeout' })])
    const result = await scene.runner().run(buildOf('flaky'))
    expect(result).toMatchObject({ outcome: 'succeeded', attempt: 2, job: 'flaky-2' })
    expect(result.attempts).toMatchObject([{ job: 'flaky-1', failure: { kind: 'image-pull', retry: true } }])
    expect(scene.kube.job('flaky-1')).toBeUndefined()
  })

  it('gives up after launchAttempts', async () => {
    const scene = await Scene.start(['stageTimeouts: {pulling: 8s}', 'launchAttempts: 2'])
    scene.kube.scenario(/^never-/, [scheduled(), pullFails({ why: 'i/o timeout' })])
    const result = await scene.runner().run(buildOf('never'))
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 3, attempt: 2, attempts: [{ job: 'never-1' }] })
    expect(scene.kube.list('jobs')).toEqual([])
  })

  it('leaves a build alone that begins while it is to be deleted, and follows it', async () => {
    const scene = await Scene.start(['stageTimeouts: {starting: 8s}'])
    let begin = () => {}
    const asked = new Promise<void>((resolve) => {
      begin = resolve
    })
    const slow = [scheduled(), initialized(), waitsFor(asked), started, guardRuns({ steps: [{ output: 'late\n' }] })]
    scene.kube.scenario('late-1', slow)
    const hasBegun = () => scene.kube.podsOf('late-1')[0]?.status.containerStatuses?.[0]?.state.waiting === undefined
    const runner = scene.runner({}, (api) =>
      withCalls(api, {
        deletePod: async (name, options) => {
          begin()
          await until('it has begun', hasBegun)
          return await api.deletePod(name, options)
        },
      }),
    )
    const result = await runner.run(buildOf('late'))
    expect(result).toMatchObject({ outcome: 'succeeded', attempt: 1, attempts: [] })
    expect(runner.shown.text).toBe('late\n')
    expect(scene.kube.job('late-2')).toBeUndefined()
  })

  it('tells a start that failed for good', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('scratch-1', [...boots().slice(0, -1), startFails()])
    const result = await scene.runner().run(buildOf('scratch'))
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 3, failure: { kind: 'start-error' }, attempts: [] })
  })
})

describe('a build in a queue', () => {
  const setSuspend = (scene: Scene, job: string, suspend: boolean) =>
    scene.kube.change('jobs', job, (each) => ({ ...each, spec: { ...(each['spec'] as object), suspend } }))

  it('that Kueue puts back before it began is waited for', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('moved-1', [scheduled(), hangs], [...boots(), guardRuns()])
    const runner = scene.runner()
    const running = runner.start(buildOf('moved', 'queue: builds\n'))
    await scene.until('the Job', () => scene.kube.job('moved-1'))
    setSuspend(scene, 'moved-1', false)
    await scene.until('its pod', () => runner.shown.stages.includes('scheduled'))
    setSuspend(scene, 'moved-1', true)
    await scene.until('no pod', () => scene.kube.podsOf('moved-1').length === 0)
    await scene.until('the queue', () => runner.shown.stages.at(-1) === 'created')
    setSuspend(scene, 'moved-1', false)
    expect(await scene.ending(running)).toMatchObject({ outcome: 'succeeded', job: 'moved-1' })
  })

  it('that Kueue puts back after it began is lost, and never begins again', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('begun-1', [...boots(), guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }] })])
    const runner = scene.runner()
    const running = runner.start(buildOf('begun', 'queue: builds\n'))
    await scene.until('the Job', () => scene.kube.job('begun-1'))
    setSuspend(scene, 'begun-1', false)
    await scene.until('output', () => runner.shown.text.includes('begun'))
    setSuspend(scene, 'begun-1', true)
    expect(await scene.ending(running)).toMatchObject({ outcome: 'failed', exitCode: 6, failure: { started: true } })
    expect(scene.kube.job('begun-1')).toBeUndefined()
  })
})
