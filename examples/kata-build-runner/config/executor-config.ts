import type { StageLimits } from '../model/stage.js'
import type { TierName } from './build-file.js'
import { executorConfigSchema } from './executor-schema.js'
import { readYaml } from './read-yaml.js'
import { validated } from './validate.js'

/** Kernel parameters for virtual machines of builds whose image matches one of the patterns. */
export interface KernelParameterRule {
  images: RegExp[]
  parameters: string[]
}

/** `executor.<name>.options.kubernetes`, defaults filled in: `docs/executor-config.md`. */
export interface KubernetesOptions {
  /** Without one the kubeconfig, or the cluster that the runner is in, says where the API server is. */
  host?: string | undefined
  privileged: boolean
  automountServiceAccountToken: boolean
  dockerFeatureEnabled: boolean
  /** Cores; GiB; GiB. */
  resources: Record<'cpu' | 'memory' | 'disk', Record<TierName, number>>
  /** Minutes. */
  buildTimeout: number
  /** Minutes. */
  maxBuildTimeout: number
  nodeSelectors: Record<string, string>
  preferredNodeSelectors: Record<string, string>
  annotations: Record<string, string>
  /** Without one the node's default runtime. */
  runtimeClass?: string | undefined
  /** What builds may ask for instead. */
  runtimeClasses: string[]
  /** What builds may read by `environment`; * stands for any characters. */
  secrets: string[]
  /** What builds may set beside the runner's own; * stands for any characters. */
  allowedAnnotations: string[]
  jobsNamespace: string
  allowRoot: boolean
  stageTimeouts: StageLimits
  /** How often a build may be launched, the first time included. */
  launchAttempts: number
  dockerImage: string
  kernelParameters: KernelParameterRule[]
  queue?: string | undefined
  imagePullSecrets: string[]
  terminationGracePeriodMs: number
}

/** One executor: a cluster, or a kind of node of one, and how builds run there. */
export interface Executor {
  name: string
  /** Images that match one of them are not routed here. */
  exclusion: RegExp[]
  weightage: number
  kubernetes: KubernetesOptions
  /** The image that installs our executables. */
  launchImage: string
  launchVersion: string
  fusebox: { breaker: { /** Milliseconds. */ timeout: number } }
  requestretry: { /** Milliseconds. */ retryDelay: number; maxAttempts: number }
}

export interface ExecutorConfig {
  /** The executor of builds that no weight decides on. */
  plugin: string
  /** In the file's order. */
  executors: Map<string, Executor>
}

/**
 * Reads the `executor:` block.
 *
 * @param where what the file is called in errors
 * @throws RunnerError `CONFIG_INVALID`, with all that is wrong, each with its path and line
 */
export function readExecutorConfig(text: string, where: string): ExecutorConfig {
  const source = { code: 'CONFIG_INVALID', where, docs: 'docs/executor-config.md' } as const
  return validated(executorConfigSchema, readYaml(text, source), source)
}
