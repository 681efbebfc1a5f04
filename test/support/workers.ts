import { LivenessError, Region, type Worker } from 'shm-liveness'

/** A region's workers by their names; none, where there is no region yet. */
export function workersOf(region: string): Record<string, Worker | undefined> {
  try {
    return Object.fromEntries(
      Region.open(region)
        .workers()
        .map((worker) => [worker.name, worker]),
    )
  } catch (error) {
    if (error instanceof LivenessError && error.code === 'REGION_MISSING') return {}
    throw error
  }
}
