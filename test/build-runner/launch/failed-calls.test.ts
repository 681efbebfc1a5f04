import { describe, expect, it } from 'vitest'
import type { BuildApi } from '../../../examples/kata-build-runner/api/build-api.js'
import { RunnerError } from '../../../examples/kata-build-runner/model/runner-error.js'
import { boots, guardRuns } from '../../fakes/kube-api/index.js'
import type { KubeObject } from '../../fakes/kube-api/objects.js'
import { buildOf, Scene, withCalls } from '../follow/scene.js'

/** Every try of this call comes to an error, after its work or in place of it. */
function failing(name: keyof BuildApi, { afterWork }: { afterWork: boolean }): (api: BuildApi) => BuildApi {
  return (api) => {
    const call = async (...given: unknown[]): Promise<never> => {
      if (afterWork) await (api[name] as (...given: unknown[]) => Promise<unknown>).call(api, ...given)
      throw new RunnerError('API', `${name}: the API server refused with 500`, 'see its log')
    }
    return withCalls(api, { [name]: call })
  }
}

/** The runner's own signal ends each of these calls: nobody can look. */
function blind(...names: (keyof BuildApi)[]): (api: BuildApi) => BuildApi {
  const call = async (): Promise<never> => {
    throw new RunnerError('CANCELLED', 'given up, as asked', 'look')
  }
  return (api) => withCalls(api, Object.fromEntries(names.map((name) => [name, call])))
}

describe('a launch of which a call fails for good', () => {
  it('follows the Job that was let go though every answer said no, and the breaker is open by that', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('free-1', [...boots(), guardRuns({ steps: [{ output: 'ran\n' }] })])
    const count = scene.kube.faults.next('PATCH', /\/jobs/, { status: 500, afterWork: true }, 5)
    const runner = scene.runner()
    expect(await runner.run(buildOf('free'))).toMatchObject({ outcome: 'succeeded', exitCode: 0 })
    expect(count.done).toBe(5)
    expect(runner.shown.text).toBe('ran\n')
  })

  it.each(['createJob', 'patchJob'] as const)('follows what was carried out though %s failed', async (name) => {
    const scene = await Scene.start()
    const runner = scene.runner({}, failing(name, { afterWork: true }))
    expect(await runner.run(buildOf('made'))).toMatchObject({ outcome: 'succeeded' })
    expect(scene.kube.podsOf('made-1')).toHaveLength(1)
  })

  it('is left running, and never "never started", where nobody can look', async () => {
    const scene = await Scene.start()
    const runner = scene.runner({}, (api) => blind('readJob')(failing('patchJob', { afterWork: true })(api)))
    const result = await runner.run(buildOf('dark'))
    expect(result).toMatchObject({ outcome: 'left-running', exitCode: 8, job: 'dark-1', failure: { kind: 'launch' } })
    expect(result.failure?.remedy).toContain('`attach`')
    expect(scene.kube.job('dark-1')).toBeDefined()
  })

  it.each(['patchJob', 'createSecret'] as const)('leaves no suspended Job behind where %s failed', async (name) => {
    const scene = await Scene.start()
    const result = await scene.runner({}, failing(name, { afterWork: false })).run(buildOf('clean'))
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 3, failure: { kind: 'launch', started: false } })
    expect(scene.kube.list('jobs')).toEqual([])
  })

  it('does not delete a Job that is let go while it is looked at', async () => {
    const scene = await Scene.start()
    const runner = scene.runner({}, (api) =>
      withCalls(failing('patchJob', { afterWork: false })(api), {
        readJob: async (name) => {
          const job = await api.readJob(name)
          const letGo = (each: KubeObject) => ({ ...each, spec: { ...(each['spec'] as object), suspend: false } })
          if (job.spec?.suspend === true) scene.kube.change('jobs', name, letGo)
          return job
        },
      }),
    )
    expect(await runner.run(buildOf('race'))).toMatchObject({ outcome: 'succeeded' })
  })

  it('says which Job is left where it cannot be deleted', async () => {
    const scene = await Scene.start()
    const runner = scene.runner({}, (api) => blind('deleteJob')(failing('createSecret', { afterWork: false })(api)))
    const result = await runner.run(buildOf('left'))
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 3, failure: { kind: 'launch' } })
    expect(result.failure?.summary).toContain('Job left-1 in namespace builds may be left behind, suspended')
    expect(scene.kube.job('left-1')?.spec.suspend).toBe(true)
  })
})

describe("a Secret of the build's name", () => {
  const ours = { app: 'screwdriver', tier: 'builds', sdbuild: 'taken' }
  const job = { apiVersion: 'batch/v1', kind: 'Job', name: 'taken-9' }

  it.each([
    ['of nobody', { labels: {} }],
    ['of another build', { labels: { ...ours, sdbuild: 'other' } }],
    ['of a Job that is there', { labels: ours, owner: job }],
  ])('%s is never deleted, and is named', async (_, { labels, owner }: { labels: object; owner?: typeof job }) => {
    const scene = await Scene.start()
    scene.kube.scenario('taken-9', [])
    const spec = { suspend: true, template: { spec: { containers: [{ name: 'build', image: 'a' }] } } }
    const { uid } = scene.kube.add('jobs', { metadata: { name: 'taken-9' }, spec }).metadata
    const ownerReferences = owner === undefined ? [] : [{ ...owner, uid }]
    const metadata = { name: 'taken-1', labels: labels as Record<string, string>, ownerReferences }
    scene.kube.add('secrets', { metadata, data: { key: 'dmFsdWU=' } })
    await expect(scene.runner().run(buildOf('taken'))).rejects.toMatchObject({
      code: 'BUILD_EXISTS',
      exitCode: 2,
      message: expect.stringContaining('Secret taken-1 in namespace builds'),
    })
    expect(scene.kube.find('secrets', 'taken-1')).toMatchObject({ data: { key: 'dmFsdWU=' } })
    expect(scene.kube.job('taken-1')).toBeUndefined()
  })
})
