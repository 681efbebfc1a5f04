import { Command } from 'commander'
import { collectGarbage } from '../follow/garbage.js'
import { type CommonFlags, readConfig, withCommonFlags } from './flags.js'
import { opener } from './opener.js'
import { placesOf } from './places.js'

interface GcFlags extends CommonFlags {
  dryRun?: true
}

export function gcCommand(): Command {
  return withCommonFlags(new Command('gc'))
    .description('remove what lost runners left: Secrets without a Job, Jobs past their time; never a running build')
    .option('--dry-run', 'only say what would be removed')
    .action(gc)
}

async function gc(flags: GcFlags): Promise<void> {
  const config = await readConfig(flags)
  const isDry = flags.dryRun === true
  for (const { api, namespace, executors } of placesOf(config, opener(flags))) {
    const removed = await collectGarbage(api, executors, { now: () => new Date(), isDry })
    for (const { kind, name, why } of removed) {
      process.stderr.write(`build-runner: ${isDry ? 'would remove' : 'removed'} ${kind} ${namespace}/${name}: ${why}\n`)
    }
  }
}
