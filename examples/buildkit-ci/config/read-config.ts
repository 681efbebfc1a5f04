import { readYaml } from '../../kata-build-runner/config/read-yaml.js'
import { validated } from '../../kata-build-runner/config/validate.js'
import { type CiConfig, ciSchema } from './ci-schema.js'

/**
 * Reads `ci.yaml`.
 *
 * @param where what the file is called in errors
 * @throws RunnerError `CONFIG_INVALID`, with all that is wrong, each with its path and line
 */
export function readConfig(text: string, where: string): CiConfig {
  const source = { code: 'CONFIG_INVALID', where, docs: 'docs/config.md' } as const
  return validated(ciSchema, readYaml(text, source), source)
}
