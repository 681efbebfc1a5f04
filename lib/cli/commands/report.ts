import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { Command } from 'commander'
import { exitCodes } from '../exit-codes.js'
import { withHelp } from '../help.js'
import { reportPage } from '../report/page.js'
import type { Session } from '../session.js'

interface Flags {
  output?: string
  dir?: string
  allowDisk?: true
}

export function reportCommand(session: Session): Command {
  const command = new Command('report')
    .description('the cycles of all workers as one HTML file: histograms, late cycles and where they were')
    .argument('[regions...]', 'their names (default: all in the directory)')
    .option('-o, --output <file>', 'where it is written (default: standard output)')
    .option('--dir <dir>', 'where regions are (default: SHM_LIVENESS_DIR, else /dev/shm)')
    .option('--allow-disk', 'accept regions that are not on tmpfs')
    .action(async (names: string[], flags: Flags) => {
      // Only here, so that the other commands run where there is no addon.
      const { Regions } = await import('../workers/regions.js')
      const regions = new Regions(names, { dir: flags.dir, allowDisk: flags.allowDisk })
      const { read, failed, leftOut } = regions.read()
      if (read.length === 0 && failed[0] !== undefined) throw failed[0].error
      const page = reportPage({
        ...{ takenAt: new Date(), host: hostname(), directory: regions.directory, regions: read, leftOut },
        unreadable: failed.map(({ region, error }) => ({ region, reason: error.message })),
      })
      if (flags.output === undefined || flags.output === '-') session.streams.stdout.write(page)
      else writeFileSync(flags.output, page)
      if (failed.length > 0) session.status = exitCodes.unreadable
    })
  return withHelp(command, {
    exits: {
      ok: 'done',
      unreadable: 'a named region cannot be read, which the report says; or none can, or the report cannot be written',
    },
    examples: [
      ['shm-liveness report', 'all regions of this machine, to standard output'],
      ['shm-liveness report camera -o report.html', 'one region'],
    ],
  })
}
