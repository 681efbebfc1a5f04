export type { Duration } from './duration.js'
export { LivenessError, type LivenessErrorCode } from './errors.js'
export { guardPath, probePath } from './executables.js'
export { type BeatImplementation, type ClaimOptions, Heartbeat, type Phase, type PhaseOptions } from './heartbeat.js'
export { Region } from './region.js'
export type {
  LastWords,
  RegionOptions,
  SlowPlace,
  Stacks,
  Verdict,
  VerdictOptions,
  VerdictWord,
  Where,
  Worker,
  WorkerClock,
  WorkerState,
} from './types.js'
