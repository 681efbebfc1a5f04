import { describe, expect, it } from 'vitest'
import type { BuildApi } from '../../../examples/kata-build-runner/api/build-api.js'
import { newestJob, runBuild } from '../../../examples/kata-build-runner/follow/attempts.js'
import { boots, guardRuns } from '../../fakes/kube-api/index.js'
import { buildOf, type Runner, Scene, withCalls } from '../follow/scene.js'

const changing = ['createJob', 'createSecret', 'patchJob', 'patchSecret', 'deleteJob', 'deleteSecret'] as const

/** Writes down the calls that change something; the runner dies before (`lost: false`) or after the given one. */
function written(calls: string[], dies?: { at: number; lost: boolean }): (api: BuildApi) => BuildApi {
  return (api) => {
    const wrapped = changing.map((name) => {
      const call = async (...given: unknown[]): Promise<unknown> => {
        calls.push(name)
        const isLast = calls.length === dies?.at
        if (isLast && !dies?.lost) throw new Error('killed')
        const answer = await (api[name] as (...given: unknown[]) => Promise<unknown>).call(api, ...given)
        if (isLast) throw new Error('killed')
        return answer
      }
      return [name, call]
    })
    return withCalls(api, Object.fromEntries(wrapped) as Partial<BuildApi>)
  }
}

/** As `run` does: what is there already goes on. */
async function runAgain({ around, shown }: Runner, scene: Scene, id: string, more = '') {
  const build = buildOf(id, more)
  return await scene.ending(runBuild(around, scene.order(build), shown, await newestJob(around, id)))
}

const queue = 'queue: builds\n'

/** Kueue's part: it admits a Job of the queue some time after it was made. */
function kueueAdmits(scene: Scene, job: string): Promise<unknown> {
  return scene
    .until('a suspended Job', () => scene.kube.job(job)?.spec.suspend)
    .then(async () => {
      await scene.clock.sleep(60)
      scene.kube.change('jobs', job, (each) => ({ ...each, spec: { ...(each['spec'] as object), suspend: false } }))
    })
}

describe('a launch', () => {
  it('makes the Job suspended, then the Secret that it owns, then lets it go', async () => {
    const scene = await Scene.start()
    const calls: string[] = []
    const result = await scene.runner({}, written(calls)).run(buildOf('plain'))
    expect(result.outcome).toBe('succeeded')
    expect(calls).toEqual(['createJob', 'createSecret', 'patchJob'])
    const owner = scene.kube.find('secrets', 'plain-1')?.metadata.ownerReferences?.[0]
    expect(owner).toMatchObject({ kind: 'Job', name: 'plain-1', uid: scene.kube.job('plain-1')?.metadata.uid })
  })

  it('makes the Secret first in a queue, has it adopted, and leaves the Job to Kueue', async () => {
    const scene = await Scene.start()
    const calls: string[] = []
    const admitted = kueueAdmits(scene, 'queued-1')
    const result = await scene.runner({}, written(calls)).run(buildOf('queued', queue))
    await admitted
    expect(result.outcome).toBe('succeeded')
    expect(calls).toEqual(['createSecret', 'createJob', 'patchSecret'])
    const owner = scene.kube.find('secrets', 'queued-1')?.metadata.ownerReferences?.[0]
    expect(owner?.uid).toBe(scene.kube.job('queued-1')?.metadata.uid)
  })

  it.each([1, 2, 3].flatMap((at) => [false, true].flatMap((lost) => ['', queue].map((more) => ({ at, lost, more })))))(
    'goes on after a crash: %o',
    async ({ at, lost, more }) => {
      const scene = await Scene.start()
      const calls: string[] = []
      await expect(scene.runner({}, written(calls, { at, lost })).run(buildOf('crash', more))).rejects.toThrow('killed')
      const admitted = more === queue ? kueueAdmits(scene, 'crash-1') : undefined
      const result = await runAgain(scene.runner(), scene, 'crash', more)
      await admitted
      expect(result).toMatchObject({ outcome: 'succeeded', job: 'crash-1', attempts: [] })
      expect(scene.kube.list('jobs')).toHaveLength(1)
      expect(scene.kube.podsOf('crash-1')).toHaveLength(1)
      const owner = scene.kube.find('secrets', 'crash-1')?.metadata.ownerReferences?.[0]
      expect(owner?.uid).toBe(scene.kube.job('crash-1')?.metadata.uid)
    },
  )

  it('takes a build that has ended already as it is', async () => {
    const scene = await Scene.start()
    const first = await scene.runner().run(buildOf('twice'))
    const second = await runAgain(scene.runner(), scene, 'twice')
    expect(second).toEqual(first)
    expect(scene.kube.podsOf('twice-1')).toHaveLength(1)
  })

  it('refuses another build of the same id, and touches nothing of it', async () => {
    const scene = await Scene.start()
    await scene.runner().run(buildOf('same'))
    const calls: string[] = []
    const runner = scene.runner({}, written(calls))
    await expect(runAgain(runner, scene, 'same', 'timeout: 5\n')).rejects.toMatchObject({
      code: 'BUILD_EXISTS',
      exitCode: 2,
    })
    await expect(runner.run(buildOf('same', 'timeout: 5\n'))).rejects.toMatchObject({ code: 'BUILD_EXISTS' })
    expect(calls).toEqual(['createJob'])
  })

  it('replaces a Secret that an earlier Job of the name left', async () => {
    const scene = await Scene.start()
    const data = { 'steps.json': Buffer.from('{"steps": [{"name": "old", "shell": "rm -rf /"}]}').toString('base64') }
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'stale-1', uid: '00000000-0000-4000-8000-000000000000' }
    // The fake collects what has no owner at once: this one is in the way until then, or is replaced.
    const labels = { app: 'screwdriver', tier: 'builds', sdbuild: 'stale' }
    scene.kube.add('secrets', { metadata: { name: 'stale-1', labels, ownerReferences: [owner] }, data })
    const result = await scene.runner().run(buildOf('stale'))
    expect(result).toMatchObject({ outcome: 'succeeded', steps: [{ name: 'install' }, { name: 'test' }] })
  })

  it.each(['', queue])('stops where it is when it is cancelled, and leaves no Job (%j)', async (more) => {
    const scene = await Scene.start()
    const calls: string[] = []
    const runner = scene.runner({}, (api) =>
      withCalls(written(calls)(api), {
        createJob: async (job) => {
          calls.push('createJob')
          const made = await api.createJob(job)
          runner.interruption.next()
          return made
        },
      }),
    )
    expect(await runner.run(buildOf('stop', more))).toMatchObject({ outcome: 'cancelled', exitCode: 130 })
    // In a queue the Secret is adopted all the same: it goes with the Job.
    const adopted = more === queue ? ['patchSecret'] : []
    expect(calls.slice(calls.indexOf('createJob'))).toEqual(['createJob', ...adopted, 'patchJob', 'deleteJob'])
    expect([...scene.kube.list('jobs'), ...scene.kube.list('pods')]).toEqual([])
    expect(scene.kube.requests.some(({ path }) => path.includes('/log'))).toBe(false)
  })

  it('leaves no Secret of a queue behind, whenever it is cancelled', async () => {
    for (const at of ['createSecret', 'createJob'] as const) {
      const scene = await Scene.start()
      const runner = scene.runner({}, (api) =>
        withCalls(api, {
          [at]: async (object: never) => {
            const made = await api[at](object)
            runner.interruption.next()
            return made
          },
        }),
      )
      expect(await runner.run(buildOf('stop', queue)), at).toMatchObject({ outcome: 'cancelled', exitCode: 130 })
      expect(scene.kube.list('jobs'), at).toEqual([])
      await scene.until(`no Secret after ${at}`, () => scene.kube.list('secrets').length === 0)
    }
  })

  const faults = {
    '429': { status: 429, retryAfter: 0 },
    'a lost connection': { drop: true },
    'a lost answer': { drop: true, afterWork: true },
    'a 500': { status: 500 },
  }
  const calls = {
    'create the Job': ['POST', /\/jobs/],
    'create the Secret': ['POST', /\/secrets/],
    'let the Job go': ['PATCH', /\/jobs/],
    'list and watch': ['GET', /\/(jobs|pods)\?/],
    'read the log': ['GET', /\/log\?/],
    'list events': ['GET', /\/events/],
  } as const
  const shaken = Object.keys(calls).flatMap((call) => Object.keys(faults).map((fault) => [call, fault] as const))

  it.each(shaken)('bears, where it wants to %s, %s', async (call, fault) => {
    const scene = await Scene.start()
    const [method, path] = calls[call as keyof typeof calls]
    const count = scene.kube.faults.next(method, path, faults[fault as keyof typeof faults], 2)
    scene.kube.scenario('shaken-1', [...boots(), guardRuns({ steps: [{ output: ['one\n', 'two\n'], everyMs: 30 }] })])
    const runner = scene.runner()
    const result = await runner.run(buildOf('shaken'))
    expect(count.done).toBe(2)
    expect(result).toMatchObject({ outcome: 'succeeded', log: { lostBytes: 0, isComplete: true } })
    expect(runner.shown.text).toBe('one\ntwo\n')
    expect(scene.kube.podsOf('shaken-1')).toHaveLength(1)
  })
})
