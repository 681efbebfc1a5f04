import { type Duration, durationNs } from './duration.js'
import { invalid, type LivenessErrorCode, typed } from './errors.js'
import {
  type NativeLastWords,
  type NativePlace,
  type NativePolicy,
  type NativeWhere,
  type NativeWorker,
  native,
} from './internal/native.js'
import { placeOf } from './internal/place.js'
import type {
  LastWords,
  RegionOptions,
  Verdict,
  VerdictOptions,
  VerdictWord,
  Where,
  Worker,
  WorkerState,
} from './types.js'

const checks = ['liveness', 'readiness', 'startup'] as const
const ms = (ns: number): number => ns / 1e6
const msOrNull = (ns: number | null): number | null => (ns === null ? null : ms(ns))

/**
 * A reader's view of a region. Holds no mapping and no descriptor between calls: each call sees the region as it is
 * then, also after it was replaced. Nothing here writes, but `retire` and `markRestart`.
 */
export class Region {
  readonly name: string
  readonly #place: NativePlace

  private constructor(place: NativePlace) {
    this.name = place.region
    this.#place = place
  }

  /**
   * @param name @default the environment's `SHM_LIVENESS_REGION`, else `default`
   * @throws LivenessError if there is no such region (`REGION_MISSING`) or it cannot be believed (`REGION_…`)
   */
  static open(name?: string, options: RegionOptions = {}): Region {
    const place = placeOf({ ...options, region: name })
    typed(() => native().open(place))
    return new Region(place)
  }

  /** All workers that the region holds or remembers. @throws LivenessError if the region has gone or gone bad */
  workers(): Worker[] {
    return typed(() => native().workers(this.#place)).map(workerOf)
  }

  /**
   * What shm-probe would say. A missing or unusable region is a verdict, not an error. May block: see
   * {@link VerdictOptions.confirm}.
   */
  verdict(options: VerdictOptions = {}): Verdict {
    const found = typed(() => native().verdict(this.#place, policyOf(options)))
    return { ...found, verdict: found.verdict as VerdictWord, code: found.code as LivenessErrorCode | null }
  }

  /**
   * Marks a dead worker's slot stopped, so that it fails no check any more and its slot may be taken.
   * @throws LivenessError `STILL_ALIVE` or `NO_SUCH_WORKER`
   */
  retire(worker: string): void {
    if (typeof worker !== 'string') throw invalid('worker', 'a name', worker)
    typed(() => native().retire(this.#place, worker))
  }

  /**
   * For supervisors that restart workers in place (`cluster`, say), before each restart: the end of this worker's present
   * claim is forgiven for `budget`, and its next claim may take as long for its first beat. Nobody else is forgiven. A
   * row of lives that end before they have beaten for `budget` is forgiven three times, and no more.
   *
   * @param worker its name
   * @param options.budget @default the reader's startup grace
   * @throws LivenessError `NO_SUCH_WORKER`, if the name was never claimed
   */
  markRestart(worker: string, { budget = 0 }: { budget?: Duration } = {}): void {
    if (typeof worker !== 'string') throw invalid('worker', 'a name', worker)
    const budgetNs = durationNs('budget', budget)
    typed(() => native().markRestart(this.#place, worker, budgetNs))
  }
}

function policyOf(options: VerdictOptions): NativePolicy {
  const { check = 'liveness', expect = [], min = 0, confirm, timeout = '1s' } = options
  if (!checks.includes(check)) throw invalid('check', checks.join(', '), check)
  if (!Array.isArray(expect)) throw invalid('expect', 'a list of names', expect)
  // An empty name would be no name at all to the core, and so expect nobody.
  const wrong = expect.find((name) => typeof name !== 'string' || !/^[\w-][\w.-]{0,62}$/.test(name))
  if (wrong !== undefined) throw invalid('expect', 'names of 1 to 63 of A-Z a-z 0-9 . _ -', wrong)
  if (expect.length > 64) throw invalid('expect', 'at most 64 names', expect.length)
  if (!Number.isInteger(min) || min < 0 || min > 4096) throw invalid('min', 'a whole number up to 4096', min)
  return {
    check: checks.indexOf(check),
    expect: expect.join(','),
    min,
    maxAgeNs: options.maxAge === undefined ? 0 : durationNs('maxAge', options.maxAge, 1),
    startupGraceNs: durationNs('startupGrace', options.startupGrace ?? '60s'),
    deadGraceNs: durationNs('deadGrace', options.deadGrace ?? 0),
    cycleWindowNs: durationNs('cycleWindow', options.cycleWindow ?? 0),
    confirmNs: confirm === undefined ? null : durationNs('confirm', confirm),
    timeoutNs: durationNs('timeout', timeout, 1),
  }
}

function workerOf(from: NativeWorker): Worker {
  return {
    name: from.name,
    state: from.state as WorkerState,
    slot: from.slot,
    incarnation: from.incarnation,
    claims: from.claims,
    restarts: from.restarts,
    pid: from.pid,
    tid: from.tid,
    clock: from.clock,
    ready: from.ready,
    status: from.status,
    phase: from.phase,
    ageMs: ms(from.ageNs),
    limitMs: ms(from.limitNs),
    maxAgeMs: ms(from.maxAgeNs),
    beats: from.beats,
    lastBeatAgoMs: msOrNull(from.lastBeatAgoNs),
    claimedAgoMs: ms(from.claimedAgoNs),
    worstCycleMs: ms(from.worstCycleNs),
    cycleLimitMs: from.cycleLimitNs === 0 ? null : ms(from.cycleLimitNs),
    lateCycles: from.lateCycles,
    lastLateAgoMs: msOrNull(from.lateAgoNs),
    histogram: from.histogram,
    where: whereOf(from.where),
    slowPlaces: from.slowPlaces,
    lastWords: from.lastWords === null ? null : lastWordsOf(from.lastWords),
  }
}

function lastWordsOf(from: NativeLastWords): LastWords {
  return {
    ended: from.ended as LastWords['ended'],
    name: from.name,
    pid: from.pid,
    incarnation: from.incarnation,
    beats: from.beats,
    lastBeatAgoMs: msOrNull(from.lastBeatAgoNs),
    claimedAgoMs: ms(from.claimedAgoNs),
    worstCycleMs: ms(from.worstCycleNs),
    lateCycles: from.lateCycles,
    limitMs: ms(from.limitNs),
    phase: from.phase,
    where: whereOf(from.where),
    slowPlaces: from.slowPlaces,
  }
}

function whereOf(from: NativeWhere | null): Where | null {
  if (from === null) return null
  const { kind, isCurrent, takenAgoNs, silentNs, frames } = from
  return { kind: kind as Where['kind'], isCurrent, takenAgoMs: ms(takenAgoNs), silentMs: ms(silentNs), frames }
}
