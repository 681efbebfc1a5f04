import type { Command } from 'commander'
import { readText } from '../../kata-build-runner/cli/flags.js'
import type { CiConfig } from '../config/ci-schema.js'
import { readConfig } from '../config/read-config.js'

export interface ConfigFlag {
  config: string
}

export function withConfigFlag(command: Command): Command {
  return command.requiredOption('--config <file>', 'what to set up: ci.yaml')
}

/** @throws RunnerError `CONFIG_INVALID` */
export async function configOf({ config }: ConfigFlag): Promise<CiConfig> {
  return readConfig(await readText(config, 'CONFIG_INVALID'), config)
}
