import type { Failure } from './failure.js'
import type { GuardRecord } from './record.js'

export const buildOutcomes = ['succeeded', 'failed', 'cancelled', 'left-running'] as const

export type BuildOutcome = (typeof buildOutcomes)[number]

export interface StepResult {
  /** From 1. */
  number: number
  name: string
  /** The guard's word for it; `running`: the step began, and the log has no end of it. */
  outcome: string
  /** Without a value while it has not ended. */
  exit?: number
  durationMs?: number
}

/** What `run`, `attach` and `compare` write as JSON: `docs/result.md`. */
export interface BuildResult {
  version: 1
  build: string
  /** From 1. */
  attempt: number
  job: string
  /** Of the Job: another may have its name by now. */
  jobUid?: string
  pod?: string
  node?: string
  namespace: string
  executor: string
  runtimeClass: string | null
  image: string
  outcome: BuildOutcome
  /** Whenever the outcome is `failed` or `cancelled`. */
  failure?: Failure
  record?: GuardRecord
  steps: StepResult[]
  /** RFC 3339. */
  times: { created: string; scheduled?: string; started?: string; ended?: string }
  /** From the Job's creation to the build container's start. */
  setUpMs?: number
  /** From the Job's creation to the build container's end. */
  overallMs?: number
  /** Whether the node had the build's image already. */
  imageCached?: boolean
  log: {
    /** Received, the guard's own lines included: of the stream that it writes, as are all positions. */
    bytes: number
    lostBytes: number
    /** `mayBeLineEnds`: they may be carriage returns alone, which containerd drops from line ends. */
    gaps: { afterByte: number; bytes: number; mayBeLineEnds: boolean }[]
    /** Those that are not listed: a build that forges marks can make gaps by the million. */
    moreGaps: { count: number; bytes: number }
    reconnects: number
    /** Nothing is missing. False without a loss: the end, of a size that nobody knows, is missing. */
    isComplete: boolean
  }
  /** The attempts before this one, each failed before its start. */
  attempts: { job: string; failure: Failure }[]
  exitCode: number
}
