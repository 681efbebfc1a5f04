import { workerStates } from '../workers/seen.js'
import type { WorkerRow } from './look.js'

export const sortKeys = ['state', 'used', 'rate', 'worst', 'late', 'name'] as const
export type SortKey = (typeof sortKeys)[number]

/** The share of its limit that a worker's age has reached. */
export function usedOf({ worker }: WorkerRow): number {
  return worker.limitMs > 0 ? worker.ageMs / worker.limitMs : 0
}

/** Whether a worker's age says something: a loop that has ended does not grow old. */
export function isAlive({ worker }: WorkerRow): boolean {
  return worker.state === 'running' || worker.state === 'starting' || worker.state === 'stalled'
}

const weights: Record<Exclude<SortKey, 'name'>, (row: WorkerRow) => number> = {
  state: ({ worker }) => -workerStates.indexOf(worker.state),
  used: (row) => (isAlive(row) ? usedOf(row) : -1),
  rate: ({ beatsPerSecond }) => beatsPerSecond ?? -1,
  worst: ({ worker }) => worker.worstCycleMs,
  late: ({ worker }) => worker.lateCycles,
}

const byName = (a: WorkerRow, b: WorkerRow): number =>
  compare(a.place, b.place) || compare(a.worker.name, b.worker.name)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The most remarkable first; rows that are equal stay in the order of their names, so that they do not jump. */
export function sorted<Row extends WorkerRow>(rows: readonly Row[], key: SortKey): Row[] {
  if (key === 'name') return [...rows].sort(byName)
  const weightOf = weights[key]
  return rows
    .map((row) => ({ row, weight: weightOf(row) }))
    .sort((a, b) => b.weight - a.weight || byName(a.row, b.row))
    .map(({ row }) => row)
}
