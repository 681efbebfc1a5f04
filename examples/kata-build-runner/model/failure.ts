/** Why a build did not succeed. `docs/result.md` says of each what it means and what to do. */
export const failureKinds = [
  'image-name',
  'image-pull',
  'unschedulable',
  'runtime-class',
  'quota',
  'admission',
  'missing-secret',
  'container-config',
  'start-error',
  'installer',
  'stage-timeout',
  'launch',
  'step-failed',
  'stalled',
  'dead',
  'time-limit',
  'deadline',
  'oom-killed',
  'evicted',
  'node-lost',
  'preempted',
  'signalled',
  'cancelled',
  'job-vanished',
  'unproven',
] as const

export type FailureKind = (typeof failureKinds)[number]

export interface Failure {
  kind: FailureKind
  /** One line without control characters; it names the step, the image or the node. */
  summary: string
  remedy: string
  /** The cluster's and the guard's own words, one line each, without control characters. */
  evidence: string[]
  /** The build container had started, or may have, unseen: what it did may be half done. False is sure. */
  started: boolean
  /** The infrastructure failed before the start, in a way that another attempt may not meet. Never true once `started`. */
  retry: boolean
}
