/** The addon: all that crosses between JavaScript and the core. */
import type { WorkerClock } from '../types.js'
import { loadAddon } from './load-addon.js'
import { isSupportedPlatform, unsupportedPlatform } from './platform.js'

export interface NativePlace {
  directory: string
  region: string
  allowDisk: boolean
}

export interface NativeClaim extends NativePlace {
  name: string
  maxAgeNs: number
  /** 0: none */
  cycleLimitNs: number
  clock: WorkerClock
  slots: number
  mode: number
  /** Whether the end of the thread without stop() leaves the slot stopped, not dead. */
  stopsAtEnd: boolean
  /** Whether the name was taken when this worker came first: then that of a worker that died is refused (succession.hpp). */
  afterWaiting: boolean
  /** Called in a call of the heartbeat, once its region was removed or cut short. */
  onLoss: (code: string, isClaimedAnew: boolean) => void
}

/** Each method answers whether the slot is still held; `beat` is an own property, and may be called alone. */
export interface NativeHeartbeat {
  beat: () => boolean
  /** For {@link NativeSharedBeat}. */
  id: number
  /** Of a counted heartbeat: the memory that {@link compiledBeat} counts in. Null: there is none, `beat` has to do. */
  words: ArrayBuffer | null
  ready(): boolean
  notReady(status: string, region: string): boolean
  beginPhase(name: string, budgetNs: number, region: string): boolean
  endPhase(): boolean
  stop(): void
  /** Begins to take this thread's stack whenever the heartbeat is silent. null, or why that cannot be. */
  watchStacks(): string | null
  readonly claimed: boolean
  /** The code of what happened to the region; null: nothing, or it is claimed anew. */
  readonly fault: string | null
  /** How often the region was lost and claimed anew. */
  readonly comebacks: number
}

/**
 * Beats for the heartbeat whose id is in `words[0]`. Leaves 0 in `words[1]` if that stamped, and 1 if it did nothing,
 * because the heartbeat's own function must: that one may look at the region, and call `onLoss`.
 */
export interface NativeSharedBeat {
  words: ArrayBuffer
  beat: () => void
  /** The same function, which optimized code calls as it calls a C function. null: V8 has none that the addon knows. */
  makeFastBeat(): (() => void) | null
}

export interface NativePolicy {
  /** 0 liveness, 1 readiness, 2 startup */
  check: number
  expect: string
  min: number
  maxAgeNs: number
  startupGraceNs: number
  deadGraceNs: number
  cycleWindowNs: number
  /** null: by max age and the worker's own cycles, within the limits of policy.hpp */
  confirmNs: number | null
  timeoutNs: number
}

export interface NativeVerdict {
  verdict: string
  healthy: boolean
  line: string
  exitCode: number
  worker: string | null
  code: string | null
}

export interface NativeWhere {
  kind: string
  isCurrent: boolean
  takenAgoNs: number
  silentNs: number
  frames: string[]
}

export interface NativeSlowPlace {
  place: string
  count: number
}

export interface NativeLastWords {
  ended: string
  name: string
  pid: number
  incarnation: bigint
  beats: number
  lastBeatAgoNs: number | null
  claimedAgoNs: number
  worstCycleNs: number
  lateCycles: number
  limitNs: number
  phase: string | null
  where: NativeWhere | null
  slowPlaces: NativeSlowPlace[]
}

export interface NativeWorker {
  name: string
  state: string
  slot: number
  incarnation: bigint
  claims: number
  restarts: number
  pid: number
  tid: number
  clock: WorkerClock
  ready: boolean
  status: string | null
  phase: string | null
  ageNs: number
  limitNs: number
  maxAgeNs: number
  beats: number
  lastBeatAgoNs: number | null
  claimedAgoNs: number
  worstCycleNs: number
  cycleLimitNs: number
  lateCycles: number
  lateAgoNs: number | null
  histogram: number[]
  where: NativeWhere | null
  slowPlaces: NativeSlowPlace[]
  lastWords: NativeLastWords | null
}

export interface Native {
  Heartbeat: new (claim: NativeClaim) => NativeHeartbeat
  sharedBeat: NativeSharedBeat
  open(place: NativePlace): void
  workers(place: NativePlace): NativeWorker[]
  verdict(place: NativePlace, policy: NativePolicy): NativeVerdict
  retire(place: NativePlace, name: string): void
  markRestart(place: NativePlace, name: string, budgetNs: number): void
  faultCodes(): string[]
  /** How many stacks this process has taken. */
  stacksTaken(): number
  /** A descriptor that holds a write lock on this byte of a file until it is closed; below 0: an error number, negated. */
  lockByte(path: string, byte: number): number
  /** Which of `count` bytes have a write lock. */
  lockedBytes(path: string, from: number, count: number): number[]
  layout(): {
    version: number
    signature: bigint
    fields: { struct: string; field: string; offset: number; bytes: number }[]
  }
}

let loaded: Native | undefined

/**
 * Loaded at the first use, so that importing the package (for `probePath()`, say) costs and risks nothing.
 *
 * @throws LivenessError with the code of why it cannot be loaded
 */
export function native(): Native {
  if (!isSupportedPlatform()) {
    const advice =
      "Run this in a container for such a machine, or claim with unsupportedPlatform: 'do-nothing' to develop here."
    throw unsupportedPlatform('Workers beat and are read', advice)
  }
  loaded ??= loadAddon() as Native
  return loaded
}
