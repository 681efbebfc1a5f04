import type { V1Job } from '@kubernetes/client-node'
import type { BuildApi } from '../api/build-api.js'
import type { Executor, ExecutorConfig } from '../config/executor-config.js'
import { newestJob } from '../follow/attempts.js'
import { labels } from '../launch/names.js'
import { RunnerError } from '../model/runner-error.js'

/** A namespace of a cluster that builds run in, and the executors that share it. */
export interface Place {
  api: BuildApi
  namespace: string
  executors: Executor[]
}

export interface FoundBuild {
  place: Place
  job: V1Job
  executor: Executor
}

/** All places of a config, each once. */
export function placesOf(config: ExecutorConfig, open: (executor: Executor) => BuildApi): Place[] {
  const places = new Map<string, Place>()
  for (const executor of config.executors.values()) {
    const { host = '', jobsNamespace: namespace } = executor.kubernetes
    const place = places.get(`${host} ${namespace}`)
    if (place !== undefined) place.executors.push(executor)
    else places.set(`${host} ${namespace}`, { api: open(executor), namespace, executors: [executor] })
  }
  return [...places.values()]
}

export function placeOf(places: readonly Place[], { name }: Executor): Place {
  const place = places.find(({ executors }) => executors.some((each) => each.name === name))
  if (place === undefined) throw new Error(`no place has the executor ${name}`)
  return place
}

/**
 * Finds a build by its id, wherever it is. Its executor is what the Job's label says: a choice by weight is not made again,
 * since the config may have changed.
 *
 * @param preferred where it most likely is, and must be asked; another place that does not answer is only told of
 */
export async function findBuild(
  places: readonly Place[],
  build: string,
  say: (text: string) => void,
  preferred?: Place,
): Promise<FoundBuild | undefined> {
  const inOrder = preferred === undefined ? places : [preferred, ...places.filter((place) => place !== preferred)]
  for (const place of inOrder) {
    const job = await newestJob(place, build).catch((error: unknown) => {
      if (place === preferred || places.length === 1 || !(error instanceof RunnerError)) throw error
      say(`whether build ${build} is in namespace ${place.namespace} is not known: ${error.message}`)
      return undefined
    })
    if (job !== undefined) return { place, job, executor: executorOf(job, place) }
  }
  return undefined
}

/** @throws RunnerError `BUILD_UNKNOWN` */
export async function mustFind(
  places: readonly Place[],
  build: string,
  say: (text: string) => void,
): Promise<FoundBuild> {
  const found = await findBuild(places, build, say)
  if (found !== undefined) return found
  throw new RunnerError(
    'BUILD_UNKNOWN',
    `there is no Job of build ${build} in ${places.map(({ namespace }) => `namespace ${namespace}`).join(', ')}`,
    'check the id and the config; a Job that has ended is kept for an hour',
  )
}

function executorOf(job: V1Job, { executors }: Place): Executor {
  const name = job.metadata?.labels?.[labels.executor]
  const executor = executors.find((each) => each.name === name)
  if (executor !== undefined) return executor
  throw new RunnerError(
    'CONFIG_INVALID',
    `Job ${job.metadata?.name} was launched by the executor "${name}", which the config does not have in its namespace`,
    'use the config that the build was launched with',
  )
}
