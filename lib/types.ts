import type { Duration } from './duration.js'
import type { LivenessErrorCode } from './errors.js'

/** Where regions lie. */
export interface RegionOptions {
  /** @default the environment's `SHM_LIVENESS_DIR`, else `/dev/shm` */
  dir?: string | undefined
  /** Accept a region that is not on tmpfs, where each beat is disk I/O. @default `SHM_LIVENESS_ALLOW_DISK=1`, else false */
  allowDisk?: boolean | undefined
}

export interface VerdictOptions {
  /** Which question. @default 'liveness' */
  check?: 'liveness' | 'readiness' | 'startup' | undefined
  /** Workers that must be there, and pass. @default [] */
  expect?: readonly string[] | undefined
  /** So many passing workers will do, and no fewer. @default all must pass */
  min?: number | undefined
  /** How old a beat may be. @default as each worker said at its claim */
  maxAge?: Duration | undefined
  /** How long liveness waits for a first beat. @default '60s' */
  startupGrace?: Duration | undefined
  /** How long liveness forgives a death, if something restarts workers in place. @default 0 */
  deadGrace?: Duration | undefined
  /** Readiness fails so long after a cycle beyond its limit. @default never */
  cycleWindow?: Duration | undefined
  /**
   * How long to wait for one new beat before the verdict is stalled. Blocks this thread for that time at most, and only if
   * a worker seems stalled. 0 does not wait. @default as long as the worker's cycles usually take at most, or max age
   * within 50ms and 300ms if that is longer; never longer than `timeout` less 200ms
   */
  confirm?: Duration | undefined
  /** When the caller needs an answer. @default '1s', as the kubelet's timeoutSeconds */
  timeout?: Duration | undefined
}

export type VerdictWord =
  | 'healthy'
  | 'starting'
  | 'late'
  | 'not-ready'
  | 'missing'
  | 'stopped'
  | 'stalled'
  | 'dead'
  | 'unusable'

export interface Verdict {
  verdict: VerdictWord
  /** Whether the check passes. `starting` passes liveness and fails the others. */
  healthy: boolean
  /** The line that shm-probe prints: the verdict and why, under 200 bytes. */
  line: string
  /** The exit code of shm-probe: 0 healthy, 1 unhealthy, 3 unusable. */
  exitCode: number
  /** The worker that it is about, if it is about one. */
  worker: string | null
  /** Which fault, if the verdict is `unusable`. */
  code: LivenessErrorCode | null
}

/** What a worker's beats are stamped by: its own reading of a clock, of the kernel's tick, or the samples of a count. */
export type WorkerClock = 'precise' | 'coarse' | 'counted'

/** How a heartbeat's thread is asked for its stack when it falls silent, or why it is not. */
export type Stacks = { readonly by: 'interrupt' } | { readonly by: 'none'; readonly reason: string }

export type WorkerState = 'running' | 'starting' | 'stalled' | 'dead' | 'stopped' | 'left-over' | 'unusable'

/** Where a worker's code was while it was silent. Milliseconds. */
export interface Where {
  /**
   * What `frames` are: JavaScript frames; one line for the system call or the native code that it was in, or for each
   * process of a row that wait for one another; or such a line with the JavaScript frames behind it. `promise-loop`: only
   * promises went round, with the frames that were met, if any.
   */
  kind: 'javascript' | 'native' | 'promise-loop' | 'native-and-javascript'
  /** Whether it was taken since the last sign of life. If not, the worker has gone on from there. */
  isCurrent: boolean
  takenAgoMs: number
  /** For how long the worker had been silent then. */
  silentMs: number
  /** `function (file:line:column)`, the innermost first. */
  frames: string[]
}

/** A place where cycles took longer than the cycle limit. */
export interface SlowPlace {
  place: string
  /** How many such cycles were found there. A place that took another one's room counts anew. */
  count: number
}

/** What a slot remembers of the claim before the present one. Milliseconds; `…Ago` is before the snapshot. */
export interface LastWords {
  ended: 'stopped' | 'died' | 'left-over'
  name: string
  pid: number
  incarnation: bigint
  beats: number
  /** null: it never beat */
  lastBeatAgoMs: number | null
  claimedAgoMs: number
  worstCycleMs: number
  lateCycles: number
  /** The limit in force at the end: max age, or the phase's budget. */
  limitMs: number
  /** The phase in which it ended, if in one. */
  phase: string | null
  /** Where it was when it was last seen silent; `isCurrent`: it ended in that silence. */
  where: Where | null
  slowPlaces: SlowPlace[]
}

/** A snapshot of one worker. Milliseconds; `…Ago` is before the snapshot. */
export interface Worker {
  name: string
  state: WorkerState
  slot: number
  /** Random, new with every claim. */
  incarnation: bigint
  /** How often the slot has been claimed. */
  claims: number
  /** How often a supervisor has marked its restart in place. */
  restarts: number
  /** As the worker sees itself; another container may number it otherwise. */
  pid: number
  tid: number
  /** How it beats; see {@link ClaimOptions.clock}. `counted`: `beats` is exact, times are those of the latest sample. */
  clock: WorkerClock
  ready: boolean
  /** Why not ready, if it said so. */
  status: string | null
  phase: string | null
  /** Since the last sign of life: a beat, a phase change, or the claim. */
  ageMs: number
  /** What `ageMs` may be: max age or, in a phase, its budget. */
  limitMs: number
  maxAgeMs: number
  beats: number
  /** null: no beat yet */
  lastBeatAgoMs: number | null
  claimedAgoMs: number
  worstCycleMs: number
  /** null: none */
  cycleLimitMs: number | null
  /** Cycles beyond the limit. */
  lateCycles: number
  lastLateAgoMs: number | null
  /** Cycle times: entry i counts cycles of [2^i, 2^(i+1)) nanoseconds. 64 entries. */
  histogram: number[]
  /** Where it is, or was when it was last silent for long. null: nobody has looked. */
  where: Where | null
  /** At most four. */
  slowPlaces: SlowPlace[]
  lastWords: LastWords | null
}
