import type { Failure, FailureKind } from './failure.js'
import type { BuildOutcome } from './result.js'

/** The runner's exit statuses, and what each means. */
export const exitCodes = {
  succeeded: { code: 0, meaning: "succeeded: the guard's final record says so" },
  stepFailed: { code: 1, meaning: 'a step failed; its own exit status is in the result' },
  usage: { code: 2, meaning: 'the command line, the config or the build file is invalid' },
  neverStarted: { code: 3, meaning: 'never started: cluster or infrastructure, after all attempts' },
  stalled: { code: 4, meaning: 'stalled or dead' },
  outOfTime: { code: 5, meaning: "out of time: the build's deadline, or a step's time limit" },
  lost: { code: 6, meaning: 'lost after the start: out of memory, evicted, node lost, killed, Job vanished' },
  unproven: { code: 7, meaning: 'unproven: it ended without a final record of the guard' },
  leftRunning: { code: 8, meaning: 'left running: the API server was gone, or a second Ctrl-C; use `attach`' },
  cancelled: { code: 130, meaning: 'cancelled' },
} as const satisfies Record<string, { code: number; meaning: string }>

type ExitName = keyof typeof exitCodes

/** What a failure comes to once the build container had started. Before that all but a cancel are `neverStarted`. */
const afterTheStart: Record<FailureKind, ExitName> = {
  'image-name': 'neverStarted',
  'image-pull': 'neverStarted',
  unschedulable: 'neverStarted',
  'runtime-class': 'neverStarted',
  quota: 'neverStarted',
  admission: 'neverStarted',
  'missing-secret': 'neverStarted',
  'container-config': 'neverStarted',
  'start-error': 'neverStarted',
  installer: 'neverStarted',
  'stage-timeout': 'neverStarted',
  launch: 'neverStarted',
  'step-failed': 'stepFailed',
  stalled: 'stalled',
  dead: 'stalled',
  'time-limit': 'outOfTime',
  deadline: 'outOfTime',
  'oom-killed': 'lost',
  evicted: 'lost',
  'node-lost': 'lost',
  preempted: 'lost',
  signalled: 'lost',
  cancelled: 'cancelled',
  'job-vanished': 'lost',
  unproven: 'unproven',
}

/** The exit status of a build's end. */
export function exitCodeOf(result: { outcome: BuildOutcome; failure?: Failure | undefined }): number {
  return exitCodes[exitNameOf(result)].code
}

function exitNameOf({ outcome, failure }: { outcome: BuildOutcome; failure?: Failure | undefined }): ExitName {
  if (outcome === 'succeeded') return 'succeeded'
  if (outcome === 'left-running') return 'leftRunning'
  if (outcome === 'cancelled' || failure?.kind === 'cancelled') return 'cancelled'
  if (failure === undefined) return 'unproven'
  return failure.started ? afterTheStart[failure.kind] : 'neverStarted'
}
