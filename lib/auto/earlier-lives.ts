/**
 * Slots of threads and children of earlier lives. After a restart in place (shm-guard --restart, a shell loop) nobody
 * claims a thread's name again, if this life starts fewer threads. A slot of a dead thread would fail each check of this
 * life.
 */
import { performance } from 'node:perf_hooks'
import { Region } from '../region.js'
import type { Worker } from '../types.js'

type Claim = Pick<Worker, 'name' | 'state' | 'claimedAgoMs'>

/** What follows the name of the process in the names of its threads, of its children and of their threads. */
const suffix = /^(-child-\d+)?(-thread-\d+)?$/

/** Without a lock, and not stopped. A guard that restarts in place forgives a death for a while only. */
const endedStates: readonly Worker['state'][] = ['dead', 'left-over']

/**
 * Names of the dead that belonged to an earlier process of this name.
 *
 * @param processAgeMs a thread or child that died in this life was claimed later, and stays dead
 */
export function deadOfEarlierLives(workers: readonly Claim[], name: string, processAgeMs: number): string[] {
  return workers
    .filter(({ state, claimedAgoMs }) => endedStates.includes(state) && claimedAgoMs > processAgeMs)
    .map((worker) => worker.name)
    .filter((other) => other !== name && other.startsWith(name) && suffix.test(other.slice(name.length)))
}

/** To be called by the process that holds `name`: then no earlier process of that name lives. Never throws. */
export function stopDeadOfEarlierLives(regionName: string, name: string): void {
  try {
    const region = Region.open(regionName)
    for (const dead of deadOfEarlierLives(region.workers(), name, performance.now())) region.retire(dead)
  } catch {
    // The region is gone, or another process has claimed one of the names meanwhile. This process is supervised all the same.
  }
}
