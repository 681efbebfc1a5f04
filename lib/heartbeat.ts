/// <reference lib="esnext.disposable" preserve="true" />
import { isMainThread } from 'node:worker_threads'
import { type Duration, durationNs } from './duration.js'
import { invalid, LivenessError, type LivenessErrorCode, typed } from './errors.js'
import { beatOf, sharedBeat } from './internal/beats.js'
import { idleHeartbeat, isIdle } from './internal/idle.js'
import { type NativeClaim, type NativeHeartbeat, native } from './internal/native.js'
import { placeOf } from './internal/place.js'
import { beginStacks, type StacksWish, stacksWishOf } from './internal/stacks.js'
import type { RegionOptions, Stacks, WorkerClock } from './types.js'

export interface ClaimOptions extends RegionOptions {
  /** @default the environment's `SHM_LIVENESS_REGION`, else `default` */
  region?: string | undefined
  /** The worker's role (`grabber`, `worker-0`), not its pid: a restarted worker finds its slot by it. */
  name: string
  /** How old the last beat may be. At least a few of the loop's periods. */
  maxAge: Duration
  /** A cycle longer than this is counted and timestamped, even if the loop recovers before anybody looks. @default none */
  cycleLimit?: Duration | undefined
  /**
   * What a beat is stamped by.
   *
   * - `precise` reads the clock, or within 50 µs of a reading the CPU's counter, right to a microsecond.
   * - `coarse` reads the kernel's tick, in steps of 1 to 10 ms. Half the price of a precise beat.
   * - `counted` counts, and reads no clock: a nanosecond or two. For loops of microseconds. A thread of this process looks
   *   at the count three times per max age (at least 10 ms) and stamps the slot. Ages, late cycles and the histogram are
   *   right to a third of max age; `beats` is exact.
   *
   * @default 'precise'
   */
  clock?: WorkerClock | undefined
  /**
   * Whether this thread's stack is taken while the heartbeat is silent, so that reports say where the code hangs. One
   * thread of the process watches all its heartbeats; a beat costs the same.
   * @default the environment's `SHM_LIVENESS_STACKS`, else true
   */
  stacks?: boolean | undefined
  /** Slots of the region, should this claim be the one that makes it (1 to 4096). @default 64 */
  capacity?: number | undefined
  /**
   * Who else may use the region, should this claim make it: `private` (0600), or members of the file's group, to read
   * (0640) or also to claim (0660). @default 'private'
   */
  share?: 'private' | 'group-read' | 'group-claim' | undefined
  /**
   * Where no worker can be supervised (macOS, Windows, Linux on neither x64 nor arm64): `throw` a LivenessError `UNSUPPORTED_PLATFORM`, or return a
   * heartbeat that writes nothing and answers as on Linux until `stop()`. Its `implementation` is `none`. Names
   * are not checked there, the other options are. Without effect elsewhere.
   * @default 'throw'
   */
  unsupportedPlatform?: 'throw' | 'do-nothing' | undefined
  /**
   * What the worker is after its worker_thread has ended without {@link Heartbeat.stop}: returned, threw, called
   * `process.exit()` or was terminated. `stopped` is for threads whose end the program handles itself, as thread pools do.
   * The end of a process is a death all the same.
   * @default 'dead'
   */
  threadEnd?: 'dead' | 'stopped' | undefined
  /** @internal See {@link NativeClaim.afterWaiting}. */
  afterWaiting?: boolean | undefined
}

export interface PhaseOptions {
  /** Stands in for max age until the phase ends. Beats inside the phase renew it. */
  budget: Duration
}

/** A named stretch of work. Ends by `end()`, by `using`, or by the next phase. */
export interface Phase extends Disposable {
  readonly name: string
  /** Back to max age, counted from now. Nothing happens if the phase has ended already. Never throws. */
  end(): void
}

/**
 * How `beat` is done: `compiled` by code that V8 compiles in place, `fast` by a call into the addon that optimized code
 * makes as one of a C function, `native` by one through Node-API, `none` where beats do nothing
 * ({@link ClaimOptions.unsupportedPlatform}).
 */
export type BeatImplementation = 'compiled' | 'fast' | 'native' | 'none'

const leastCountedMaxAgeNs = 10e6
const clocks: readonly WorkerClock[] = ['precise', 'coarse', 'counted']

const modes = { private: 0o600, 'group-read': 0o640, 'group-claim': 0o660 } as const

/**
 * A worker's claim of one slot. Belongs to the thread that made it; each thread claims a name of its own.
 *
 * Only {@link Heartbeat.stop} ends it as `stopped`. A process or thread that ends, throws or is killed without it is
 * `dead`: the kernel drops the slot's lock. A heartbeat that is forgotten (garbage) but not stopped is `stalled`.
 */
export class Heartbeat implements Disposable {
  readonly name: string
  readonly region: string
  /**
   * Stamps the slot: the loop came round. An own property, and needs no `this`: `setInterval(heartbeat.beat, 100)`.
   *
   * Returns true if stamped, false while this heartbeat holds no slot (stopped, or its region was lost and another worker
   * has its name). Never throws and leaves no garbage. About once a second it looks whether the region is still
   * there, and claims it anew if it was removed or cut short; that takes a millisecond at most, and is told by a warning
   * of the process with the code `REGION_REMOVED` or `REGION_TRUNCATED`.
   */
  readonly beat: () => boolean
  /** Whether stacks are taken: `interrupt`, or `none` and the reason. */
  readonly stacks: Stacks
  /**
   * How `beat` is done. `compiled` for `clock: 'counted'`; where the JavaScript engine takes no memory but its own
   * (Electron), a counted beat is done as the others. These are `fast` in the versions of Node.js whose V8 was tried (20,
   * 22 and 24), and `native` elsewhere. `none`: it does nothing.
   */
  readonly implementation: BeatImplementation
  readonly #native: NativeHeartbeat
  #phase: object | undefined

  private constructor(claim: Omit<NativeClaim, 'onLoss'>, stacks: StacksWish, idle: boolean) {
    this.name = claim.name
    this.region = claim.region
    if (idle) {
      this.#native = idleHeartbeat()
      this.beat = this.#native.beat
      this.implementation = 'none'
      this.stacks = { by: 'none', reason: `not on ${process.platform}` }
      return
    }
    this.#native = typed(() => new (native().Heartbeat)({ ...claim, onLoss: warningOf(claim) }))
    const shared = sharedBeat()
    this.beat = beatOf(shared, this.#native)
    this.implementation = this.#native.words === null ? shared.implementation : 'compiled'
    this.stacks = beginStacks(this.#native, this.name, stacks)
  }

  /**
   * Takes the slot of `name` (its old one, if it has one), making the region if there is none.
   * @throws LivenessError `NAME_TAKEN`, `NO_FREE_SLOT`, `NO_SPACE`, `INVALID_NAME`, `REGION_…`, `UNSUPPORTED_PLATFORM` and the like
   */
  static claim(options: ClaimOptions): Heartbeat {
    const claim = claimOf(options)
    return new Heartbeat(claim, stacksWishOf(options.stacks), isIdle(options.unsupportedPlatform))
  }

  /**
   * Whether readers see the slot as this worker's. Looks at the region, and claims it anew if it was removed or cut short
   * and nobody else has the name.
   */
  get claimed(): boolean {
    return this.#native.claimed
  }

  /**
   * Says that the worker can do its work: readiness passes while it beats. While another worker has the name, this throws,
   * and is said when this worker has its name back. So it is with `notReady()`.
   * @throws LivenessError `STOPPED`, `REGION_REMOVED`, `REGION_TRUNCATED`
   */
  ready(): void {
    this.#require(this.#native.ready())
  }

  /** Takes `ready` back; `status` (up to 55 bytes) says why. @throws LivenessError as `ready()`, `INVALID_TEXT` */
  notReady(status = ''): void {
    if (typeof status !== 'string') throw invalid('status', 'a text', status)
    this.#require(typed(() => this.#native.notReady(status, this.region)))
  }

  /**
   * Begins a phase (up to 63 bytes), for work that takes longer than max age: loading a model, a build step. Cycles
   * inside it are not timed. A phase that throws does not begin, and the one before it goes on. The name `start` is reserved
   * for the start of a program (docs/auto.md).
   * @throws LivenessError as `ready()`, `INVALID_TEXT`, `INVALID_OPTION`
   */
  phase(name: string, options: PhaseOptions): Phase {
    if (typeof name !== 'string') throw invalid('phase', 'a name', name)
    const budgetNs = durationNs('budget', options?.budget, 1)
    this.#require(typed(() => this.#native.beginPhase(name, budgetNs, this.region)))
    const phase = {
      name,
      end: () => {
        if (this.#phase !== phase) return
        this.#phase = undefined
        this.#native.endPhase()
      },
      [Symbol.dispose]: () => phase.end(),
    }
    this.#phase = phase
    return phase
  }

  /** How often the region was removed or cut short under this heartbeat, and claimed anew. */
  get comebacks(): number {
    return this.#native.comebacks
  }

  /** Stopped on purpose. May be called again. */
  stop(): void {
    this.#native.stop()
  }

  /** `using` stops, also when the scope is left by a throw. If that must count as a death, call `stop()` yourself. */
  [Symbol.dispose](): void {
    this.stop()
  }

  #require(held: boolean): void {
    if (held) return
    const code = (this.#native.fault ?? 'STOPPED') as LivenessErrorCode
    throw new LivenessError(code, `worker "${this.name}" of region "${this.region}" holds no slot any more`)
  }
}

/** Holds nothing of the heartbeat, which may be garbage while its `beat` is in use. */
function warningOf({ region, name }: { region: string; name: string }): NativeClaim['onLoss'] {
  return (code, isClaimedAnew) => {
    const what = code === 'REGION_REMOVED' ? 'was removed' : 'was cut short'
    const then = isClaimedAnew
      ? 'It was claimed anew. Find out what does that: readers saw no worker meanwhile.'
      : 'Another worker has the name now, so this one does not beat. Stop one of the two: this one claims again when the other has stopped.'
    process.emitWarning(`region "${region}" of worker "${name}" ${what}. ${then}`, { type: 'LivenessWarning', code })
  }
}

function claimOf(options: ClaimOptions): Omit<NativeClaim, 'onLoss'> {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  const { name, maxAge, cycleLimit, clock = 'precise', capacity = 64, share = 'private' } = options
  const { threadEnd = 'dead', afterWaiting = false } = options
  if (typeof name !== 'string') throw invalid('name', 'a name', name)
  if (!clocks.includes(clock)) throw invalid('clock', 'precise, coarse or counted', clock)
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > 4096) {
    throw invalid('capacity', 'a whole number from 1 to 4096', capacity)
  }
  if (threadEnd !== 'dead' && threadEnd !== 'stopped') throw invalid('threadEnd', 'dead or stopped', threadEnd)
  if (!Object.hasOwn(modes, share)) throw invalid('share', Object.keys(modes).join(', '), share)
  const maxAgeNs = durationNs('maxAge', maxAge, 1)
  if (clock === 'counted' && maxAgeNs < leastCountedMaxAgeNs) {
    throw invalid('maxAge', "at least 10ms with clock: 'counted'", maxAge)
  }
  return {
    ...placeOf(options),
    name,
    maxAgeNs,
    cycleLimitNs: cycleLimit === undefined ? 0 : durationNs('cycleLimit', cycleLimit, 1),
    clock,
    slots: capacity,
    mode: modes[share],
    stopsAtEnd: threadEnd === 'stopped' && !isMainThread,
    afterWaiting,
  }
}
