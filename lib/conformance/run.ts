import { join } from 'node:path'
import { LivenessError } from '../errors.js'
import { type Surroundings, surroundings } from './claimed.js'
import { beside, busy, race, slots, strangers, taken } from './scenarios/claims.js'
import { crashLoop, dying, restarts, stopping } from './scenarios/ends.js'
import { forking, hanging } from './scenarios/features.js'
import { foreign, names, removed, unsafe } from './scenarios/files.js'
import { beating, phases, readiness, stalling } from './scenarios/life.js'
import { making } from './scenarios/make.js'
import type { Scenario } from './scenarios/scenario.js'
import { Scene, type SceneOptions } from './scene.js'
import { ProtocolError } from './worker-under-test.js'

export const scenarios: readonly Scenario[] = [
  ...[making, beating, readiness, phases, stalling],
  ...[stopping, dying, crashLoop, restarts],
  ...[taken, race, slots, strangers, busy, beside],
  ...[names, foreign, unsafe, removed],
  ...[forking, hanging],
]

export interface Result {
  scenario: string
  proves: string
  outcome: 'passed' | 'failed' | 'left out'
  checks: number
  failures: string[]
}

export interface Run {
  command: readonly string[]
  directory: string
  /** Names of scenarios. @default all */
  only?: readonly string[]
  /** Called as each one ends, in their order. */
  onResult?: (result: Result) => void
}

/** How many scenarios run at once: one that waits (`busy`) must not hold up the others. */
const lanes = 3

/** Drives workers of the command through all scenarios. @throws ProtocolError if they do not even start */
export async function conformance({ command, directory, only, onResult = () => {} }: Run): Promise<Result[]> {
  const unique = `conformance-${process.pid}-${Date.now().toString(36)}`
  const optionsOf = (name: string): Omit<SceneOptions, 'features'> => ({
    command,
    directory,
    region: `${unique}-${name}`,
  })
  const [features, here] = await introduction(new Scene({ ...optionsOf('reference'), features: new Set() }))
  const chosen = scenarios.filter(({ name }) => only === undefined || only.includes(name))
  // The one that waits for seconds comes first, so that the others run meanwhile.
  const queue = [...chosen].sort((a, b) => Number(b === busy) - Number(a === busy))
  const results = new Map<Scenario, Result>()
  let told = 0
  const lane = async (): Promise<void> => {
    for (let scenario = queue.shift(); scenario !== undefined; scenario = queue.shift()) {
      results.set(scenario, await one(scenario, { ...optionsOf(scenario.name), features }, here))
      for (let next = chosen[told]; next !== undefined && results.has(next); next = chosen[++told]) {
        onResult(results.get(next) as Result)
      }
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return chosen.map((scenario) => results.get(scenario) as Result)
}

/** What the worker can do, and where it and this program are. */
async function introduction(scene: Scene): Promise<[ReadonlySet<string>, Surroundings]> {
  try {
    const features = await scene.start().must('features')
    const { directory, region } = scene.options
    return [new Set(features.split(' ')), surroundings(directory, region, join(directory, region))]
  } finally {
    await scene.end()
  }
}

async function one(scenario: Scenario, options: SceneOptions, here: Surroundings): Promise<Result> {
  const { name, proves, feature } = scenario
  const about = { scenario: name, proves }
  if (feature !== undefined && !options.features.has(feature)) {
    return { ...about, outcome: 'left out', checks: 0, failures: [`the worker does not name the feature "${feature}"`] }
  }
  const scene = new Scene(options)
  try {
    await scenario.run(scene, here)
  } catch (error) {
    const isTheirs =
      error instanceof ProtocolError || error instanceof LivenessError || (error instanceof Error && 'syscall' in error)
    if (!isTheirs) throw error
    scene.failures.push(error.message)
  } finally {
    await scene.end()
  }
  const { failures, checks } = scene
  return { ...about, outcome: failures.length === 0 ? 'passed' : 'failed', checks, failures }
}
