import { table } from '../output.js'
import type { SeenWorker } from './seen.js'
import { noteOf, sayMs } from './words.js'

/** The workers as they are at one look. */
export function workerTable(workers: readonly SeenWorker[]): string {
  const heading = ['WORKER', 'STATE', 'READY', 'AGE', 'LIMIT', 'BEATS', 'WORST CYCLE', 'LATE', 'PID', 'NOTE']
  return table([heading, ...workers.map(rowOf)])
}

function rowOf(worker: SeenWorker): string[] {
  const { name, state, ready, ageMs, limitMs, beats, worstCycleMs, lateCycles, pid } = worker
  return [
    ...[name, state, ready ? 'yes' : 'no', sayMs(ageMs), sayMs(limitMs), String(beats), sayMs(worstCycleMs)],
    ...[String(lateCycles), String(pid), noteOf(worker)],
  ]
}
