/** What the environment sets. Region, directory and stacks are read where each claim reads them. */
import { parseDuration, unitHint } from '../duration.js'
import { invalid } from '../errors.js'

export interface AutoSettings {
  /** Of the main thread's worker; those of other threads begin with it. */
  name: string
  maxAgeMs: number
  /** How long a thread's loop may be silent. Far beyond any thread's life, unless it was set. */
  threadMaxAgeMs: number
  /** How long one step of the program's start may block the loop. 0: no longer than max age. */
  startBudgetMs: number
}

/**
 * A thread's loop is silent while the thread works, or waits for work in `Atomics.wait()`, as pools and WebAssembly do. So
 * none is stalled unless somebody has set a limit. This is the longest duration there is.
 */
const anyThreadAge = '8784h'

/** @throws LivenessError `INVALID_OPTION` */
export function autoSettings(env: Readonly<Record<string, string | undefined>>): AutoSettings {
  const ms = (variable: string, otherwise: string, least = 1): number => {
    const text = env[variable] || otherwise
    const ns = parseDuration(text)
    if (ns === undefined || ns < least) {
      throw invalid(variable, unitHint(text) ?? 'a duration such as 250ms or 1m30s', text)
    }
    return ns / 1e6
  }
  return {
    name: env['SHM_LIVENESS_NAME'] || 'event-loop',
    // As much as a program that was not written with a limit in mind may block its loop: one that is killed without need
    // is worse than one that is found some seconds later.
    maxAgeMs: ms('SHM_LIVENESS_MAX_AGE', '10s'),
    threadMaxAgeMs: ms('SHM_LIVENESS_THREAD_MAX_AGE', anyThreadAge),
    startBudgetMs: ms('SHM_LIVENESS_STARTUP_GRACE', '60s', 0),
  }
}
