import { Command } from 'commander'
import { withHelp } from '../help.js'
import type { Session } from '../session.js'
import { workerTable } from '../workers/table.js'
import { textOfBig } from '../workers/words.js'

interface Flags {
  dir?: string
  allowDisk?: true
  json?: true
}

export function statusCommand({ streams }: Session): Command {
  const command = new Command('status')
    .description('the workers of a region on this machine, as a table')
    .argument('[region]', 'its name (default: SHM_LIVENESS_REGION, else default)')
    .option('--dir <dir>', 'where regions are (default: SHM_LIVENESS_DIR, else /dev/shm)')
    .option('--allow-disk', 'accept a region that is not on tmpfs')
    .option('--json', 'all that is known, as JSON')
    .action(async (region: string | undefined, flags: Flags) => {
      // Only here, so that the other commands run where there is no addon.
      const { Region } = await import('../../index.js')
      const workers = Region.open(region, { dir: flags.dir, allowDisk: flags.allowDisk }).workers()
      streams.stdout.write(flags.json ? `${JSON.stringify(workers, textOfBig, 2)}\n` : workerTable(workers))
    })
  return withHelp(command, {
    exits: {
      ok: 'done',
      unreadable: 'the region, or the addon that reads it, cannot be used; or the output not be written',
    },
    examples: [
      ['shm-liveness status camera', 'the workers of the region camera'],
      ['shm-liveness status --dir /run/regions --json', 'the default region of another folder, with all that is known'],
    ],
  })
}
