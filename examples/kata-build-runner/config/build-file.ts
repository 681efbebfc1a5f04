import { buildSchema } from './build-schema.js'
import { readYaml } from './read-yaml.js'
import { validated } from './validate.js'

/** The sizes that an executor gives figures to. */
const tierNames = ['micro', 'low', 'high', 'turbo'] as const
export type TierName = (typeof tierNames)[number]

/** One step; it has an `argv` or a `shell` line. */
export interface Step {
  name: string
  argv?: string[] | undefined
  /** Run by `/bin/sh -ec`. */
  shell?: string | undefined
  /** How long it may make no progress, with its unit: `5m`. */
  silenceBudget?: string | undefined
  /** How long it may take, with its unit: `30m`. */
  timeLimit?: string | undefined
}

/** Where a variable's value is, in the namespace that builds run in. */
export interface SecretReference {
  secret: string
  key: string
}

/** A build, as its file has it, defaults filled in: `docs/build-file.md`. */
export interface BuildFile {
  /** A DNS label of up to 50 characters. */
  id: string
  image: string
  steps: Step[]
  environment: Record<string, string | SecretReference>
  /** Names of the runner's own variables that the build gets, by way of its Secret. */
  secretEnvironment: string[]
  tier: { cpu: TierName; memory: TierName; disk: TierName }
  annotations: Record<string, string>
  /** Minutes. Without one the executor's `buildTimeout` counts. */
  timeout?: number | undefined
  /** In place of the executor's. */
  runtimeClass?: string | undefined
  user: number
  /** A LocalQueue of Kueue's, in place of the executor's. */
  queue?: string | undefined
}

/**
 * Reads a build's file.
 *
 * @param where what the file is called in errors
 * @throws RunnerError `BUILD_INVALID`, with all that is wrong, each with its path and line
 */
export function readBuildFile(text: string, where: string): BuildFile {
  const source = { code: 'BUILD_INVALID', where, docs: 'docs/build-file.md' } as const
  return validated(buildSchema, readYaml(text, source), source)
}
