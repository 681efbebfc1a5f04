import { Command } from 'commander'
import type { LastWords, Where, Worker } from '../../index.js'
import { saySeconds, table } from '../output.js'
import type { Session } from '../session.js'

interface Flags {
  dir?: string
  allowDisk?: true
  json?: true
}

export function statusCommand({ streams }: Session): Command {
  return new Command('status')
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

function noteOf({ state, phase, status, where, lateCycles, worstCycleMs, slowPlaces, lastWords }: Worker): string {
  const [worst] = [...slowPlaces].sort((a, b) => b.count - a.count)
  const notes = [
    ...(phase === null ? [] : [`in phase "${phase}"`]),
    ...(status === null ? [] : [status]),
    ...(state === 'stalled' && where?.isCurrent ? [sayFrames(where)] : []),
    ...(worst === undefined
      ? []
      : [`late ${lateCycles} x, worst ${sayMs(worstCycleMs)}, ${worst.count} of them at ${worst.place}`]),
    ...(lastWords === null ? [] : [sayLastWords(lastWords)]),
  ]
  return notes.join('; ')
}

function sayLastWords({ ended, beats, where }: LastWords): string {
  const place = ended !== 'stopped' && where?.isCurrent ? `, ${sayFrames(where)}` : ''
  return `before: ${ended} after ${beats} beats${place}`
}

/** The innermost and its caller, with short file names. */
function sayFrames({ kind, frames }: Where): string {
  const isNative = (index: number): boolean => kind === 'native' || (kind === 'native-and-javascript' && index === 0)
  const at = isNative(0) ? '' : 'at '
  return `${at}${frames
    .slice(0, 2)
    .map((frame, index) => (isNative(index) ? frame : frame.replace(/(\(?)[^()]*\/(?=[^/]*$)/, '$1')))
    .join(' < ')}`
}
