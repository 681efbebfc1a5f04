import { createHash } from 'node:crypto'
import { executorAnnotation } from '../config/annotation-names.js'
import type { BuildFile } from '../config/build-file.js'
import { didYouMean } from '../config/did-you-mean.js'
import type { Executor, ExecutorConfig } from '../config/executor-config.js'
import { RunnerError } from '../model/runner-error.js'
import { expectPermitted } from './permissions.js'

/** Where a build goes. The choice is recorded as a label of its Job, and never made again. */
export interface Route {
  executor: Executor
  /** In a few words, for the log and the Job's annotation. */
  why: string
  /** Undefined: the node's default runtime. */
  runtimeClass: string | undefined
  /** Of the virtual machine's kernel, in the config's order, each once. */
  kernelParameters: string[]
}

/**
 * Chooses a build's executor: the one that its annotation names; else, of those that do not exclude its image, one by
 * weight, the same for the same build id; where no weight is above 0, `plugin`, or the first that is left.
 *
 * @throws RunnerError `BUILD_INVALID`, if it names an executor that is not there, or all exclude its image,
 *   or if it asks for what the chosen one does not permit
 */
export function route(build: BuildFile, config: ExecutorConfig): Route {
  const { executor, why } = annotated(build, config) ?? chosen(build, config)
  expectPermitted(build, executor)
  return {
    executor,
    why,
    runtimeClass: build.runtimeClass ?? executor.kubernetes.runtimeClass,
    kernelParameters: kernelParametersOf(build.image, executor),
  }
}

type Choice = Pick<Route, 'executor' | 'why'>

function annotated(build: BuildFile, { executors }: ExecutorConfig): Choice | undefined {
  const name = build.annotations[executorAnnotation]
  if (name === undefined) return undefined
  const executor = executors.get(name)
  if (executor === undefined) {
    const names = [...executors.keys()]
    throw new RunnerError(
      'BUILD_INVALID',
      `build ${build.id}: its annotation ${executorAnnotation} names the executor "${name}", which the config has not`,
      `name one of ${names.join(', ')}${didYouMean(name, names)}, or leave the annotation out`,
    )
  }
  const pattern = excludedBy(executor, build.image)
  const despite = pattern === undefined ? '' : `, although it excludes /${pattern.source}/`
  return { executor, why: `the build's annotation names it${despite}` }
}

function chosen(build: BuildFile, { plugin, executors }: ExecutorConfig): Choice {
  const all = [...executors.values()]
  const left = all.filter((executor) => excludedBy(executor, build.image) === undefined)
  const excluded = all.length === left.length ? '' : `; the image excludes it from ${namesOf(all, left)}`
  const total = left.reduce((sum, { weightage }) => sum + weightage, 0)
  const weighted = total === 0 ? undefined : byWeight(left, pointOf(build.id, total))
  if (weighted !== undefined) return { executor: weighted, why: `weight ${weighted.weightage} of ${total}${excluded}` }
  const byDefault = left.find(({ name }) => name === plugin)
  if (byDefault !== undefined) return { executor: byDefault, why: `the default${excluded}` }
  const [first] = left
  if (first !== undefined) return { executor: first, why: `the first that takes the image${excluded}` }
  throw new RunnerError(
    'BUILD_INVALID',
    `build ${build.id}: every executor excludes the image ${build.image} (${all.map((one) => `${one.name} by /${excludedBy(one, build.image)?.source}/`).join(', ')})`,
    `use another image, narrow the exclusion, or name an executor by the annotation ${executorAnnotation}`,
  )
}

function namesOf(all: readonly Executor[], left: readonly Executor[]): string {
  return all
    .filter((executor) => !left.includes(executor))
    .map(({ name }) => name)
    .join(', ')
}

function excludedBy({ exclusion }: Executor, image: string): RegExp | undefined {
  return exclusion.find((pattern) => pattern.test(image))
}

/** From 0 to below the total, the same for the same id wherever it is asked: not a die, which `attempt` 2 would roll anew. */
function pointOf(id: string, total: number): number {
  return createHash('sha256').update(id).digest().readUIntBE(0, 6) % total
}

function byWeight(executors: readonly Executor[], point: number): Executor | undefined {
  let below = 0
  return executors.find(({ weightage }) => {
    below += weightage
    return point < below
  })
}

function kernelParametersOf(image: string, { kubernetes }: Executor): string[] {
  const matching = kubernetes.kernelParameters.filter(({ images }) => images.some((pattern) => pattern.test(image)))
  return [...new Set(matching.flatMap(({ parameters }) => parameters))]
}
