/** How a process and its threads come to their slots. */
// Not the globals: tests and tools of the program replace these.
import { clearInterval, setInterval } from 'node:timers'
import { LivenessError, type LivenessErrorCode } from '../errors.js'
import { type ClaimOptions, Heartbeat } from '../heartbeat.js'

/** Names that a child or a thread tries. A region has 64 slots, unless somebody made it larger. */
const mostNames = 4096
const againMs = 1_000

/**
 * What another process holds now, and may give back: a health check or a postStart hook has the name for as long as it
 * runs. Not `CLAIM_BUSY`: such a claim blocks the loop for seconds.
 */
const passingCodes: readonly LivenessErrorCode[] = [
  'NAME_TAKEN',
  'SLOT_LOCKED',
  'NO_FREE_SLOT',
  'NO_SPACE',
  'REGION_IN_USE',
]

export function mayPass(error: unknown): boolean {
  return error instanceof LivenessError && passingCodes.includes(error.code)
}

export function isNameTaken(error: unknown): boolean {
  return error instanceof LivenessError && error.code === 'NAME_TAKEN'
}

/** Calls `attempt` now, and then every second until it returns true. The timer does not keep the loop alive. */
export function untilDone(attempt: () => boolean): void {
  if (attempt()) return
  const timer = setInterval(() => {
    if (attempt()) clearInterval(timer)
  }, againMs)
  timer.unref()
}

/** A thread that begins takes the name, and so the slot, of one that has ended. */
export function claimFirstFree(prefix: string, options: Omit<ClaimOptions, 'name'>): Heartbeat {
  for (let number = 0; ; number++) {
    try {
      return Heartbeat.claim({ ...options, name: `${prefix}-${number}` })
    } catch (error) {
      if (!isNameTaken(error) || number === mostNames - 1) throw error
    }
  }
}
