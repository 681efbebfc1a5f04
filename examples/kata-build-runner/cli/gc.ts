import { Command } from 'commander'
import { collectGarbage } from '../follow/garbage.js'
import { type CommonFlags, readConfig, withCommonFlags } from './flags.js'
import { type Host, processHost } from './host.js'
import { opener } from './opener.js'
import { placesOf } from './places.js'

interface GcFlags extends CommonFlags {
  dryRun?: true
}

export function gcCommand(host = processHost): Command {
  return withCommonFlags(new Command('gc'))
    .description('remove what lost runners left: Secrets without a Job, Jobs past their time; never a running build')
    .option('--dry-run', 'only say what would be removed')
    .action((flags: GcFlags) => gc(host, flags))
}

async function gc(host: Host, flags: GcFlags): Promise<void> {
  const config = await readConfig(flags)
  const isDry = flags.dryRun === true
  for (const { api, namespace, executors } of placesOf(config, opener(host, flags))) {
    const removed = await collectGarbage(api, executors, { now: () => host.clock.date(), isDry })
    for (const { kind, name, why } of removed) {
      const words = isDry ? 'would remove' : 'removed'
      host.stderr.write(`build-runner: ${words} ${kind} ${namespace}/${name}: ${why}\n`)
    }
  }
}
