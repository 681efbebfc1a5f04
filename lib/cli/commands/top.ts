import { Command } from 'commander'
import { exitCodes } from '../exit-codes.js'
import { withHelp } from '../help.js'
import type { Session } from '../session.js'
import { runTop, type TopFlags, withTopFlags } from '../top/flags.js'

interface Flags extends TopFlags {
  dir?: string
  allowDisk?: true
}

export function topCommand(session: Session): Command {
  const command = new Command('top')
    .description('the workers of many regions on this machine, again and again')
    .argument('[regions...]', 'their names (default: all in the directory, as they come and go)')
    .option('--dir <dir>', 'where regions are (default: SHM_LIVENESS_DIR, else /dev/shm)')
    .option('--allow-disk', 'accept regions that are not on tmpfs')
    .action(async (names: string[], flags: Flags) => {
      // Only here, so that the other commands run where there is no addon.
      const [{ Regions }, { RegionSource }] = await Promise.all([
        import('../workers/regions.js'),
        import('../top/region-source.js'),
      ])
      const regions = new Regions(names, { dir: flags.dir, allowDisk: flags.allowDisk })
      const look = await runTop(new RegionSource(regions), session, flags)
      if (look !== undefined && look.unreadable.length > 0) session.status = exitCodes.unreadable
    })
  return withHelp(withTopFlags(command, '1s'), {
    exits: { ok: 'done', unreadable: 'with --once: a region that is named cannot be read; else as for all commands' },
    examples: [
      ['shm-liveness top', 'all regions of this machine; q quits'],
      ['shm-liveness top camera --sort used --once --json', 'one look at one region, as JSON'],
    ],
  })
}
