import type { LastWords, SlowPlace, Where, Worker, WorkerState } from '../../index.js'

type Facts = Pick<
  Worker,
  | 'name'
  | 'state'
  | 'ready'
  | 'status'
  | 'phase'
  | 'ageMs'
  | 'limitMs'
  | 'beats'
  | 'worstCycleMs'
  | 'lateCycles'
  | 'pid'
  | 'slot'
  | 'claims'
>

/** What tables show of a worker. A {@link Worker} of `Region.workers()` is one; shm-probe's JSON tells as much. */
export interface SeenWorker extends Facts {
  where: Pick<Where, 'kind' | 'isCurrent' | 'frames'> | null
  slowPlaces: readonly SlowPlace[]
  lastWords: LastWords | null
}

/** All states, the worst first. */
export const workerStates: readonly WorkerState[] = [
  ...(['stalled', 'dead', 'unusable', 'starting', 'running', 'stopped', 'left-over'] as const),
]
