import { describe, expect, it } from 'vitest'
import { collectGarbage, youngSecretMs } from '../../../examples/kata-build-runner/follow/garbage.js'
import { jobManifest } from '../../../examples/kata-build-runner/launch/job.js'
import { secretManifest } from '../../../examples/kata-build-runner/launch/secret.js'
import { boots, guardRuns, hangs, type KubeObject, scheduled } from '../../fakes/kube-api/index.js'
import { buildOf, namespace, Scene, withCalls } from './scene.js'

const hour = 3_600_000

const inputOf = (scene: Scene, id: string) => ({
  ...{ ...scene.order(buildOf(id)), attempt: 1, namespace, nonce: 'n' },
})

const addSecret = (scene: Scene, id: string): KubeObject =>
  scene.kube.add('secrets', secretManifest(inputOf(scene, id)) as never)

const later = (ms: number) => ({ now: () => new Date(Date.now() + ms), isDry: false })

describe('gc', () => {
  it('removes a Secret without a Job, once it is no longer young', async () => {
    const scene = await Scene.start()
    addSecret(scene, 'orphan')
    const { api } = scene.runner()
    expect(await collectGarbage(api, [scene.executor], later(youngSecretMs - 5000))).toEqual([])
    expect(await collectGarbage(api, [scene.executor], { ...later(youngSecretMs + 5000), isDry: true })).toMatchObject([
      { kind: 'Secret', name: 'orphan-1' },
    ])
    expect(scene.kube.list('secrets')).toHaveLength(1)
    expect(await collectGarbage(api, [scene.executor], later(youngSecretMs + 5000))).toHaveLength(1)
    expect(scene.kube.list('secrets')).toEqual([])
  })

  it('leaves a Secret that has changed since it was seen', async () => {
    const scene = await Scene.start()
    addSecret(scene, 'adopted')
    const { api } = scene.runner({}, (inner) =>
      withCalls(inner, {
        listSecrets: async (selector) => {
          const seen = await inner.listSecrets(selector)
          scene.kube.change('secrets', 'adopted-1', (secret) => ({
            ...secret,
            metadata: { ...secret.metadata, annotations: { a: 'b' } },
          }))
          return seen
        },
      }),
    )
    expect(await collectGarbage(api, [scene.executor], later(hour))).toEqual([])
    expect(scene.kube.list('secrets')).toHaveLength(1)
  })

  it('leaves the Secrets of others', async () => {
    const scene = await Scene.start()
    scene.kube.add('secrets', { metadata: { name: 'registry' }, data: {} })
    expect(await collectGarbage(scene.runner().api, [scene.executor], later(100 * hour))).toEqual([])
  })

  it('never removes a running build, however old', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('old-1', [...boots(), guardRuns({ steps: [{ outcome: 'hangs' }] })])
    const runner = scene.runner()
    void runner.start(buildOf('old')).catch(() => {})
    await scene.until('running', () => runner.shown.stages.includes('running'))
    expect(await collectGarbage(runner.api, [scene.executor], later(1000 * hour))).toEqual([])
    expect(scene.kube.job('old-1')).toBeDefined()
    runner.interruption.next()
    runner.interruption.next()
  })

  it('removes a Job that never started and is past all its time, with its pod and its Secret', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('lost-1', [scheduled(), hangs])
    const runner = scene.runner()
    void runner.start(buildOf('lost')).catch(() => {})
    await scene.until('scheduled', () => runner.shown.stages.includes('scheduled'))
    runner.interruption.next()
    runner.interruption.next()
    expect(await collectGarbage(runner.api, [scene.executor], later(2 * hour))).toEqual([])
    expect(await collectGarbage(runner.api, [scene.executor], later(4 * hour))).toMatchObject([
      { kind: 'Job', name: 'lost-1' },
    ])
    await scene.until('nothing left', () =>
      ['jobs', 'pods', 'secrets'].every((kind) => scene.kube.list(kind).length === 0),
    )
  })

  it('leaves a Job of an executor that the config does not have', async () => {
    const scene = await Scene.start()
    await scene.runner().api.createJob(jobManifest(inputOf(scene, 'foreign')))
    expect(await collectGarbage(scene.runner().api, [], later(1000 * hour))).toEqual([])
  })
})
