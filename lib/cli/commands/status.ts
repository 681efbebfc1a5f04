import { Command } from 'commander'
import type { Worker } from '../../index.js'
import { withHelp } from '../help.js'
import { saySeconds, table } from '../output.js'
import type { Session } from '../session.js'

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

/** JSON has no 64-bit integers: incarnations are texts. */
function textOfBig(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function workerTable(workers: Worker[]): string {
  const heading = ['WORKER', 'STATE', 'READY', 'AGE', 'LIMIT', 'BEATS', 'WORST CYCLE', 'LATE', 'PID', 'NOTE']
  return table([heading, ...workers.map(rowOf)])
}

function rowOf(worker: Worker): string[] {
  const { name, state, ready, ageMs, limitMs, beats, worstCycleMs, lateCycles, pid } = worker
  return [
    ...[name, state, ready ? 'yes' : 'no', sayMs(ageMs), sayMs(limitMs), String(beats), sayMs(worstCycleMs)],
    ...[String(lateCycles), String(pid), noteOf(worker)],
  ]
}

function sayMs(ms: number): string {
  return ms < 1000 ? `${Number(ms.toPrecision(3))} ms` : saySeconds(ms / 1000)
}

function noteOf({ phase, status, lastWords }: Worker): string {
  const notes = [
    ...(phase === null ? [] : [`in phase "${phase}"`]),
    ...(status === null ? [] : [status]),
    ...(lastWords === null ? [] : [`before: ${lastWords.ended} after ${lastWords.beats} beats`]),
  ]
  return notes.join('; ')
}
