import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { CiConfig } from '../../../examples/buildkit-ci/config/ci-schema.js'
import { readConfig } from '../../../examples/buildkit-ci/config/read-config.js'
import { RunnerError } from '../../../examples/kata-build-runner/model/runner-error.js'

export const example = join(import.meta.dirname, '../../../examples/buildkit-ci')
export const fileOf = (name: string): string => readFileSync(join(example, name), 'utf8')

export const images = { guard: 'registry.example/shm-liveness:1', ci: 'registry.example/buildkit-ci:1' }

/** A config with these keys beside the two images. */
export function configOf(more: object = {}): CiConfig {
  return readConfig(stringify({ images, ...more }), 'ci.yaml')
}

/** The lines that a config is refused with. */
export function refusalOf(more: object): string[] {
  try {
    configOf(more)
  } catch (error) {
    if (error instanceof RunnerError) return error.message.split('\n')
    throw error
  }
  throw new Error('it was not refused')
}
