import fc from 'fast-check'
import { connect } from '../../../../examples/kata-build-runner/api/connect.js'
import { runBuild } from '../../../../examples/kata-build-runner/follow/attempts.js'
import { Fleet } from '../../../../examples/kata-build-runner/follow/fleet.js'
import { Interruption } from '../../../../examples/kata-build-runner/follow/interruption.js'
import { usualTiming } from '../../../../examples/kata-build-runner/follow/timing.js'
import { anyBuildSelector } from '../../../../examples/kata-build-runner/launch/names.js'
import type { BuildResult } from '../../../../examples/kata-build-runner/model/result.js'
import type { Pod } from '../../../fakes/kube-api/index.js'
import { SimulatedClock } from '../../../support/simulated-clock.js'
import { buildOf, Scene, Shown } from '../scene.js'
import { type Life, life, linesOf, scriptOf } from './life.js'
import { happen, type Misfortune, misfortune } from './misfortune.js'
import { RunnerClock } from './runner-clock.js'

/** Builds that one runner follows at once, and what goes wrong meanwhile. */
export interface World {
  lives: Life[]
  misfortunes: Misfortune[]
  /** Of log files, in bytes. */
  rotateAtBytes: number
}

export const worldOf = (lives: number): fc.Arbitrary<World> =>
  fc.record({
    lives: fc.array(life, { minLength: lives, maxLength: lives }),
    misfortunes: fc.array(misfortune, { maxLength: 8 }),
    rotateAtBytes: fc.constantFrom(10 << 20, 10 << 20, 2000),
  })

/** What is known of a build, from both sides. */
export interface Lived {
  id: string
  life: Life
  result: BuildResult
  /** What the runner showed. */
  shown: string
  /** How often a build container started, in whatever attempt. */
  starts: number
  /** All that was written into the log of the pod that the result is of. */
  writtenBytes: number | undefined
}

export interface Outcome {
  lived: Lived[]
  /** Each deletion of a build that was running. */
  wrongDeletions: string[]
}

/** Of simulated time: what happens within it happens at once. */
const grainMs = 500
/** Of real time, for one world: a machine may be busy. */
const limitMs = 600_000

const stages = 'stageTimeouts: {created: 20s, queued: 40s, pulling: 40s, init: 40s, starting: 40s}'

export async function liveThrough({ lives, misfortunes, rotateAtBytes }: World): Promise<Outcome> {
  const scene = await Scene.start(
    [stages, 'launchAttempts: 2'],
    { log: { rotateAtBytes } },
    new SimulatedClock({ grainMs, limitMs }),
  )
  const { kube, clock } = scene
  const wrongDeletions: string[] = []
  const written = new Map<string, () => number>()
  kube.onDelete((plural, { metadata }) => {
    const pods =
      plural === 'pods'
        ? kube.list<Pod>('pods').filter((pod) => pod.metadata.uid === metadata.uid)
        : kube.podsOf(metadata.name)
    // What somebody else has deleted already goes in any case.
    const running = (plural === 'pods' || plural === 'jobs' ? pods : []).filter(isRunning)
    for (const pod of running) wrongDeletions.push(`${plural} ${metadata.name}, while ${pod.metadata.name} runs`)
  })
  const runnerClock = new RunnerClock(clock)
  const api = connect(scene.executor, { KUBECONFIG: kube.kubeconfig }, { clock: runnerClock })
  const fleet = new Fleet(api, anyBuildSelector)
  fleet.start()
  const around = {
    ...{
      api,
      namespace: kube.namespace,
      fleet,
      timing: usualTiming,
      interruption: new Interruption(),
      clock: runnerClock,
    },
  }
  const over = new AbortController()
  const bad = misfortunes.map(async (each) => {
    if (await clock.sleep(each.atMs, over.signal)) await happen(each, kube, clock, runnerClock, over.signal)
  })
  const builds = lives.map(async (each, index): Promise<Lived> => {
    const id = `l${index}`
    let starts = 0
    const begins = (pod: Pod): void => {
      starts++
      const log = kube.logOf(pod)
      written.set(pod.metadata.name, () => log.writtenBytes)
    }
    kube.scenario(new RegExp(`^${id}-\\d+$`), scriptOf(id, each, begins))
    const shown = new Shown()
    const result = await runBuild(around, scene.order(buildOf(id)), shown)
    return { id, life: each, result, shown: shown.text, starts, writtenBytes: written.get(result.pod ?? '')?.() }
  })
  try {
    return { lived: await clock.ending(Promise.all(builds)), wrongDeletions }
  } finally {
    over.abort()
    runnerClock.resume()
    await Promise.all([...bad, fleet.stop()])
    await scene.close()
  }
}

function isRunning({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    status.containerStatuses?.some(({ name, state }) => name === 'build' && state.running !== undefined) === true
  )
}

/** What is wrong with an outcome; empty: nothing. */
export function problemsOf({ lived, wrongDeletions }: Outcome): string[] {
  return [...wrongDeletions.map((what) => `deleted ${what}`), ...lived.flatMap(problemsOfOne)]
}

function problemsOfOne({ id, life: each, result, shown, starts, writtenBytes }: Lived): string[] {
  const { log, outcome, failure, record } = result
  // One that was cut short has not written all of it; how much it has, its log knows.
  const isPart = linesOf(id, each).join('').startsWith(shown)
  // The guard's record, which the kubelet has, says the same as its last line, so that line may be missing.
  const isAllButLastLine =
    record?.interim === false && log.bytes === record.written && Buffer.byteLength(shown) === record.outputBytes
  const isWhole = log.bytes === writtenBytes || isAllButLastLine
  const told = `${id} ${outcome} ${failure?.kind ?? ''}: ${JSON.stringify(log)}`
  const problems: [boolean, string][] = [
    [starts > 1, 'was started twice'],
    [log.isComplete && !(isPart && isWhole), 'is said to be complete, and is not'],
    [outcome !== 'left-running' && failure?.started === false && starts > 0, 'is said not to have started'],
    [outcome === 'succeeded' && each.fate !== 'succeeds', 'is said to have succeeded'],
    [
      record?.interim === false &&
        writtenBytes !== undefined &&
        record.written !== undefined &&
        (log.bytes + log.lostBytes < record.written || log.bytes + log.lostBytes > writtenBytes),
      'has bytes that nobody accounts for',
    ],
  ]
  return problems.filter(([isWrong]) => isWrong).map(([, problem]) => `${problem}: ${told} (${writtenBytes} written)`)
}
