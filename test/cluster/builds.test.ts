import { describe, expect, it } from 'vitest'
import type { BuildResult } from '../../examples/kata-build-runner/model/result.js'
import * as builds from './support/builds.js'
import type { RunnerProcess } from './support/runner.js'
import { hasCluster, patiently, settings } from './support/use-namespace.js'
import { leftAfter, leftOf, useRunner } from './support/use-runner.js'

const at = useRunner('builds')

/** From a build's launch until its first step runs. */
const startSeconds = patiently(90)
/** For what comes after that, and takes moments. */
const momentsSeconds = patiently(120)

const complete = { lostBytes: 0, gaps: [], isComplete: true }
const stepsOf = ({ steps }: BuildResult): string[] =>
  steps.map(({ name, outcome, exit }) => `${name} ${outcome} ${exit}`)

/** From a Job's creation, by the clock of the API server, to a moment by the clock of the node: these may disagree. */
function seconds(ms: number | undefined): number | string | undefined {
  if (ms === undefined) return undefined
  return ms < 0 ? `cannot be told: the clocks differ by ${-ms / 1000} s at least` : ms / 1000
}

async function resultOf(runner: RunnerProcess, code: number, withinSeconds: number): Promise<BuildResult> {
  expect(await runner.ended(withinSeconds), 'exit status of the runner').toBe(code)
  return runner.result()
}

describe.skipIf(!hasCluster)('on a real cluster', () => {
  it('preflight finds all that builds need', async () => {
    const preflight = at().desk.preflight()
    expect(await preflight.ended(startSeconds + momentsSeconds), 'exit status of preflight').toBe(0)
    expect(preflight.stdout).not.toMatch(/^error /m)
    expect(await leftAfter(at().namespace, momentsSeconds)).toEqual([])
  })

  it('a build succeeds, and its log is complete', async () => {
    const runner = at().desk.run(builds.green(settings))
    const result = await resultOf(runner, 0, startSeconds + momentsSeconds)
    expect(result).toMatchObject({ outcome: 'succeeded', attempt: 1, attempts: [], log: complete })
    expect(result.record).toMatchObject({ outcome: 'exited', exit: 0, step: { number: 3, of: 3, name: 'publish' } })
    expect(stepsOf(result)).toEqual(['prepare exited 0', 'work exited 0', 'publish exited 0'])
    expect(result.runtimeClass).toBe(settings.runtimeClass ?? null)
    expect(runner.stdout).toMatch(/self-test passed\n(.*\n)*\d{13} stopped\n.*shm-probe /)
    const { setUpMs, overallMs, imageCached, node } = result
    console.log(`\na build of 2 s on node ${node}, image ${imageCached ? 'cached' : 'pulled or not known'}`)
    console.table([{ 'set-up, s': seconds(setUpMs), 'overall, s': seconds(overallMs) }])
    expect(setUpMs).toBeTypeOf('number')
  })

  it('a step that fails fails its build, with its status', async () => {
    const result = await resultOf(at().desk.run(builds.failing(settings)), 1, startSeconds + momentsSeconds)
    expect(result).toMatchObject({
      ...{ outcome: 'failed', failure: { kind: 'step-failed', started: true, retry: false }, log: complete },
      record: { outcome: 'exited', exit: 7, step: { number: 2, of: 3, name: 'work' } },
    })
    expect(stepsOf(result)).toEqual(['prepare exited 0', 'work exited 7'])
  })

  it.each([
    ['that is silent', builds.silent, /^main last beat /],
    ['whose worker stalls', builds.stalling, /^loop last beat /],
  ])('a step %s is found, and named', async (_what, buildOf, line) => {
    const result = await resultOf(at().desk.run(buildOf(settings)), 4, startSeconds + momentsSeconds)
    expect(result).toMatchObject({
      ...{ outcome: 'failed', failure: { kind: 'stalled', started: true, retry: false }, log: complete },
      record: { outcome: 'stalled', exit: 120, step: { number: 2, of: 3, name: 'work' } },
    })
    expect(result.failure?.summary).toContain('"work"')
    expect(result.record?.line?.replace(/^stalled: /, '')).toMatch(line)
    expect(stepsOf(result)).toEqual(['prepare exited 0', 'work stalled 120'])
  })

  it('an image that is not there is named, and its Job is taken away', async () => {
    const result = await resultOf(at().desk.run(builds.withoutImage(settings)), 3, startSeconds + momentsSeconds)
    // By a registry's word, or, where none answers, once the stage is over.
    expect(['image-name', 'image-pull']).toContain(result.failure?.kind)
    expect(result.failure).toMatchObject({ started: false })
    expect(result.failure?.summary).toContain(builds.missingImage)
    expect(await leftAfter(at().namespace, momentsSeconds)).toEqual([])
  })

  it('a runtime class that is not there is named, although only the Job tells of it', async () => {
    const result = await resultOf(at().desk.run(builds.withoutClass(settings)), 3, startSeconds + momentsSeconds)
    expect(result.failure).toMatchObject({ kind: 'runtime-class', started: false, retry: false })
    expect(result.failure?.summary).toContain(builds.missingClass)
    expect(await leftAfter(at().namespace, momentsSeconds)).toEqual([])
  })

  it('a build past its deadline is ended, and its log and record are kept', async () => {
    const build = builds.pastDeadline(settings)
    const deadlineSeconds = Number(build['timeout']) * 60
    const result = await resultOf(at().desk.run(build), 5, deadlineSeconds + startSeconds + momentsSeconds)
    expect(result).toMatchObject({ outcome: 'failed', failure: { kind: 'deadline', started: true }, log: complete })
    expect(result.record).toMatchObject({ outcome: 'terminated', step: { number: 2, of: 3, name: 'work' } })
  })

  it('a cancel by another process ends a build, keeps the end of its log, and leaves nothing', async () => {
    const build = builds.endless(settings, 'cancelled')
    const runner = at().desk.run(build)
    await runner.says('wait 1h', startSeconds)
    expect(await at().desk.cancel(build).ended(momentsSeconds), 'exit status of cancel').toBe(0)
    const result = await resultOf(runner, 130, momentsSeconds)
    expect(result).toMatchObject({ outcome: 'cancelled', failure: { kind: 'cancelled', started: true }, log: complete })
    expect(stepsOf(result)).toEqual(['prepare exited 0', 'work terminated 143'])
    expect(await leftAfter(at().namespace, momentsSeconds)).toEqual([])
  })

  it('Ctrl-C cancels a build, and the runner waits for its end', async () => {
    const runner = at().desk.run(builds.endless(settings, 'interrupted'))
    await runner.says('wait 1h', startSeconds)
    runner.signal('SIGINT')
    expect(await resultOf(runner, 130, momentsSeconds)).toMatchObject({ outcome: 'cancelled', log: complete })
    expect(await leftAfter(at().namespace, momentsSeconds)).toEqual([])
  })

  it('a build outlives its runner, and another takes it over with all of its log', async () => {
    const build = builds.outlives(settings)
    const first = at().desk.run(build)
    await first.says('ready', startSeconds)
    await first.kill()
    const second = at().desk.attach(build)
    const result = await resultOf(second, 0, startSeconds + momentsSeconds)
    expect(result).toMatchObject({ outcome: 'succeeded', attempt: 1, job: `${build.id}-1`, log: complete })
    expect(second.stdout.startsWith(first.stdout), 'its log begins as the first runner had it').toBe(true)
    expect(second.stdout.match(/ claimed by /g)).toHaveLength(1)
    expect(await leftOf(at().namespace).then((left) => left.filter((each) => each.startsWith('pod ')))).toHaveLength(1)
  })

  it(`${settings.builds} builds at once all succeed`, async () => {
    const all = Array.from({ length: settings.builds }, (_, index) => builds.oneOfMany(settings, index + 1))
    const runners = all.map((build) => at().desk.run(build))
    // They may not all fit on the nodes, and then wait for each other.
    const withinSeconds = startSeconds + settings.builds * patiently(10)
    const codes = await Promise.all(runners.map((runner) => runner.ended(withinSeconds)))
    expect(codes).toEqual(all.map(() => 0))
    const results = runners.map((runner) => runner.result())
    for (const [index, result] of results.entries()) {
      expect(result).toMatchObject({ build: all[index]?.id, outcome: 'succeeded', log: complete })
      expect(stepsOf(result)).toHaveLength(3)
    }
    const setUps = results.map(({ setUpMs }) => setUpMs ?? 0).sort((a, b) => a - b)
    console.log(`\n${settings.builds} builds at once, from launch to start, in seconds`)
    console.table([{ first: seconds(setUps[0]), last: seconds(setUps.at(-1)) }])
  })

  it('compare runs a build under two runtime classes, and prints how long each took', async ({ skip }) => {
    const classes = settings.compareClasses
    if (classes.length < 2) {
      const why = 'SHM_LIVENESS_COMPARE_RUNTIME_CLASSES names no two runtime classes'
      console.error(`\nSKIPPED compare: ${why} (kata-qemu,runc say; any that pods of this cluster may name)\n`)
      skip(why)
    }
    const runner = at().desk.compare(builds.compared(settings), classes)
    expect(await runner.ended(classes.length * (startSeconds + momentsSeconds)), 'exit status of compare').toBe(0)
    console.log(`\n${runner.stdout}`)
    expect(runner.stdout).toMatch(/^\| Builds that succeeded .*1 of 1/m)
    const results = runner.result<BuildResult[]>()
    expect(results.map(({ runtimeClass, outcome }) => `${runtimeClass} ${outcome}`)).toEqual(
      classes.map((name) => `${name} succeeded`),
    )
    // Both begin at one moment, and end at two by the clock of the node.
    for (const { setUpMs, overallMs } of results) expect(overallMs).toBeGreaterThan(setUpMs ?? Infinity)
    expect(await leftAfter(at().namespace, momentsSeconds)).toEqual([])
  })
})
