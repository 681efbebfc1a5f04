import { describe, expect, it } from 'vitest'
import {
  alongside,
  boots,
  drained,
  guardRuns,
  hangs,
  jobLeavesPod,
  jobVanishes,
  jobVanishesLast,
  type Move,
  type Script,
  scheduled,
  started,
  unschedulable,
  wait,
  webhookUnreachable,
} from '../../fakes/kube-api/index.js'
import { buildOf, Scene, withCalls } from './scene.js'

// What nobody saw of a build is not what did not happen.

/** Of simulated time, in ms: longer than each of these builds lives, shorter than the runner's patience. */
const refusedMs = 90_000

/** Refuses what matches from here on, and ends all watches that are open. */
function silence(scene: Scene, path = /watch=true/): void {
  const refusal = scene.kube.faults.always('GET', path, { status: 500 })
  scene.kube.endWatches()
  void scene.clock.sleep(refusedMs).then(() => refusal.end())
}

/** It writes, and somebody deletes its Job. */
const beginsAndGoes = [
  alongside(guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }] })),
  wait(2000),
  jobVanishes,
] satisfies Script

const begins = [...boots().slice(1), ...beginsAndGoes] satisfies Script

describe('a Job that somebody deletes while no watch is open', () => {
  it.each<[string, (silent: Move) => Script]>([
    ['whose pod no watch had shown', (silent) => [silent, scheduled(), ...begins]],
    ['whose pod had no node yet', (silent) => [unschedulable(), wait(2000), silent, scheduled(), ...begins]],
    ['whose pod had a node', (silent) => [scheduled(), wait(2000), silent, ...begins]],
  ])('may have begun: a build %s', async (_, script) => {
    const scene = await Scene.start()
    scene.kube.scenario(
      'unseen-1',
      script(() => silence(scene)),
    )
    const result = await scene.runner().run(buildOf('unseen'))
    expect(result).toMatchObject({
      ...{ outcome: 'failed', exitCode: 6, attempts: [] },
      failure: { kind: 'job-vanished', started: true, retry: false },
      log: { isComplete: false },
    })
    expect(result.failure?.evidence).toContainEqual(expect.stringContaining('may have begun'))
    expect(scene.kube.job('unseen-2')).toBeUndefined()
  })
})

describe('a Job that somebody deletes, after its pod, while only Jobs are watched', () => {
  // A Job that is to go lets go of its pods without counting them: its last state says that it has none.
  it('may have begun: it has counted a pod that nobody saw', async () => {
    const scene = await Scene.start()
    silence(scene, /\/pods\?/)
    scene.kube.scenario('last-1', [
      scheduled(),
      ...boots().slice(1),
      alongside(guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }] })),
      wait(2000),
      jobVanishesLast,
    ])
    const result = await scene.runner().run(buildOf('last'))
    expect(result).toMatchObject({ exitCode: 6, failure: { kind: 'job-vanished', started: true, retry: false } })
  })
})

describe('a Job that somebody deletes while watches are open', () => {
  it.each<[string, Script]>([
    ['before its pod has a node', [unschedulable(), wait(2000), jobVanishes]],
    ['before its container is made', [scheduled(), wait(2000), jobVanishes]],
  ])('had not begun %s', async (_, script) => {
    const scene = await Scene.start()
    scene.kube.scenario('early-1', script)
    const result = await scene.runner().run(buildOf('early'))
    expect(result).toMatchObject({ exitCode: 3, failure: { kind: 'job-vanished', started: false, retry: false } })
  })

  it('had not begun in a queue', async () => {
    const scene = await Scene.start()
    const runner = scene.runner()
    const running = runner.start(buildOf('waiting', 'queue: builds\n'))
    await scene.until('the Job', () => scene.kube.job('waiting-1'))
    await runner.api.deleteJob('waiting-1', { propagation: 'Background' })
    expect(await scene.ending(running)).toMatchObject({
      ...{ exitCode: 3, failure: { kind: 'job-vanished', started: false } },
    })
  })

  it('may still begin, if its pod was left without a node', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('left-1', [
      ...[unschedulable(), wait(2000), jobLeavesPod, wait(5000), scheduled()],
      ...[...boots().slice(1), guardRuns()],
    ])
    const result = await scene.runner().run(buildOf('left'))
    expect(scene.kube.podsOf('left-1')).toMatchObject([{ status: { phase: 'Succeeded' } }])
    expect(result).toMatchObject({ exitCode: 6, failure: { kind: 'job-vanished', started: true, retry: false } })
  })

  it('is told as begun, if its container still starts before its pod is gone', async () => {
    const scene = await Scene.start()
    scene.kube.scenario('late-1', [scheduled(), wait(2000), jobVanishes, started, hangs])
    const result = await scene.runner().run(buildOf('late'))
    expect(result).toMatchObject({ failure: { kind: 'job-vanished', started: true }, log: { isComplete: false } })
  })
})

describe('a build that the runner takes away while no watch is open', () => {
  /** From its deletion on only lists tell of it: no watch, no Job by its name, and nothing that could be caught up with. */
  const unwatched = (scene: Scene, call: 'deletePod' | 'deleteJob') =>
    scene.runner({}, (api) =>
      withCalls(api, {
        [call]: async (name: string, options: never) => {
          silence(scene, /watch=true|\/jobs\/[^?]*$/)
          await api[call](name, options)
          scene.kube.compact()
        },
      }),
    )

  it('had not begun, if its pod had no node', async () => {
    const scene = await Scene.start(['stageTimeouts: {queued: 8s}', 'launchAttempts: 1'])
    scene.kube.scenario('full-1', [unschedulable('0/3 nodes are available: 3 Insufficient cpu.'), hangs])
    const result = await unwatched(scene, 'deletePod').run(buildOf('full'))
    expect(result).toMatchObject({ exitCode: 3, failure: { kind: 'unschedulable', started: false, retry: true } })
  })

  it('had not begun, if it had no pod', async () => {
    const scene = await Scene.start(['stageTimeouts: {created: 8s}', 'launchAttempts: 1'])
    scene.kube.refuse('pods', /^refused-/, webhookUnreachable('policy.example'))
    const result = await unwatched(scene, 'deleteJob').run(buildOf('refused'))
    expect(result).toMatchObject({ exitCode: 3, failure: { started: false } })
  })
})

describe('a pod that goes while only Jobs are watched', () => {
  it('is asked about no faster than the runner ticks', async () => {
    const scene = await Scene.start()
    const runner = scene.runner()
    const goes: Move = async ({ pod }) => {
      await runner.api.deletePod(pod.metadata.name)
    }
    scene.kube.scenario('unclear-1', [
      scheduled(),
      wait(2000),
      () => silence(scene, /\/pods\?.*watch=true/),
      goes,
      hangs,
    ])
    const result = await runner.run(buildOf('unclear'))
    expect(result).toMatchObject({ outcome: 'failed', failure: { started: true }, attempts: [] })
    const reads = scene.kube.requests.filter(({ path }) => path.endsWith('/jobs/unclear-1'))
    expect(reads.length).toBeLessThan((2 * refusedMs) / runner.around.timing.tickMs)
  })
})

describe('a pod that only a list has shown', () => {
  /** Its feed of pods begins late, when this pod is gone: it never tells of it. */
  const late = (scene: Scene) =>
    scene.runner({}, (api) =>
      withCalls(api, {
        feed: (plural: 'jobs' | 'pods', selector: string) => {
          const feed = api.feed(plural, selector)
          const start = feed.start.bind(feed)
          if (plural === 'pods') feed.start = () => void scene.clock.sleep(refusedMs).then(start)
          return feed as never
        },
      }),
    )

  it.each<[string, Script]>([
    ['before its build began', []],
    ['after that', begins.slice(0, -1)],
  ])('is not looked for without end, if it goes %s', async (_, script) => {
    const scene = await Scene.start(['stageTimeouts: {created: 8s}'])
    scene.kube.scenario('listed-1', [scheduled(), wait(20_000), ...script, drained, hangs])
    const beganMs = scene.clock.now()
    const result = await late(scene).run(buildOf('listed'))
    expect(result).toMatchObject({ exitCode: 6, failure: { started: true, retry: false } })
    expect(result.failure?.evidence).toContainEqual(expect.stringContaining('may have begun'))
    expect(scene.clock.now() - beganMs).toBeLessThan(refusedMs)
  })
})
