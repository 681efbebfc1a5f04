import type { BuildFile } from '../config/build-file.js'
import type { Executor, ExecutorConfig } from '../config/executor-config.js'

/** Where a build goes. The choice is recorded as a label of its Job, and never made again. */
export interface Route {
  executor: Executor
  /** In a few words, for the log and the Job's annotation. */
  why: string
  runtimeClass: string | undefined
  kernelParameters: string[]
}

export function route(build: BuildFile, config: ExecutorConfig): Route {
  const executor = config.executors.get(config.plugin) as Executor
  return { executor, why: 'default', runtimeClass: build.runtimeClass, kernelParameters: [] }
}
