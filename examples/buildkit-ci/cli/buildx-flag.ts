import type { Command } from 'commander'
import { type Buildx, findBuildx } from '../agent/buildx.js'

export interface BuildxFlag {
  buildx?: string
}

export function withBuildxFlag(command: Command): Command {
  return command.option('--buildx <program>', 'where buildx is (default: buildx in PATH, else `docker buildx`)')
}

/** @throws CiError `TOOL` */
export async function buildxOf({ buildx }: BuildxFlag): Promise<Buildx> {
  return buildx === undefined ? await findBuildx() : [buildx]
}
