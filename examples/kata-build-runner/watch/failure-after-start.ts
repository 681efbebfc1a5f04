import type { Failure } from '../model/failure.js'
import type { GuardRecord } from '../model/record.js'
import { causeOf } from './causes.js'
import { failure } from './evidence.js'
import { endOf, isTerminal, recordOf } from './facts.js'
import type { Observed } from './observed.js'

/** How long the causes of an end may come after it: the pod's own status is written after the container's. */
export const settleMs = 30_000

/** Signals by which a program ends through a fault of its own. */
const faultSignals = [
  'SIGSEGV',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGSYS',
  'SIGTRAP',
  'SIGPIPE',
  'SIGXFSZ',
  'SIGXCPU',
]

/**
 * Whether the guard's final record says that the last of all steps, and so each of them, exited with 0, and the guard
 * ended accordingly: a build can write into the file that the record is in, and then kill the guard.
 */
export function isProvenSuccess(observed: Observed): boolean {
  return saysSuccess(recordOf(observed)) && !isContradicted(observed)
}

function saysSuccess(record: GuardRecord | undefined): boolean {
  return (
    record !== undefined &&
    record.outcome === 'exited' &&
    record.exit === 0 &&
    record.step !== undefined &&
    record.step.number === record.step.of
  )
}

/** A guard whose last record says 0 exits with 0. */
function isContradicted({ pod }: Observed): boolean {
  const end = endOf(pod)
  return end !== undefined && end.exitCode !== 0
}

/** Why a build that had started failed, or undefined while its end or the cause of it is still to come. */
export function failureOfRun(observed: Observed): Failure | undefined {
  const record = recordOf(observed)
  const isFinal = record !== undefined && !record.interim && !(saysSuccess(record) && isContradicted(observed))
  if (isFinal) return byRecord(observed, record)
  return hasSettled(observed) ? withoutRecord(observed) : undefined
}

/** The record is the guard's own account, and goes before what the cluster makes of it. */
function byRecord(observed: Observed, record: GuardRecord): Failure | undefined {
  const where = stepWords(record)
  const isOom = endOf(observed.pod)?.reason === 'OOMKilled'
  switch (record.outcome) {
    case 'exited':
      if (record.exit === 0)
        return failure(observed, 'unproven', `the guard's record ends with ${where}, which is not the last`)
      if (isOom) return outOfMemory(observed, `${where} exited with ${record.exit}`)
      return failure(observed, 'step-failed', exitWords(where, record.exit))
    case 'signalled':
      if (isOom) return outOfMemory(observed, `${where} was ${record.line ?? 'killed'}`)
      return signalled(observed, where, record)
    case 'stalled':
      return failure(observed, 'stalled', `${where} ${record.line ?? 'stalled'}`)
    case 'dead':
    case 'missing':
      if (isOom) return outOfMemory(observed, `${where}: ${record.line ?? record.outcome}`)
      return failure(observed, 'dead', `${where}: ${record.line ?? record.outcome}`)
    case 'timed-out':
      return failure(observed, 'time-limit', `${where} ${record.line ?? 'was beyond its time limit'}`)
    case 'not-started':
      return record.step === undefined
        ? failure(observed, 'start-error', `the guard could not begin: ${record.line ?? `exit ${record.exit}`}`)
        : failure(observed, 'step-failed', `${where} could not be run: ${record.line ?? `exit ${record.exit}`}`)
    case 'terminated':
      return hasSettled(observed) ? terminated(observed, where, record) : undefined
  }
}

/** Somebody sent SIGTERM: who, the guard cannot know. */
function terminated(observed: Observed, where: string, record: GuardRecord): Failure {
  const cause = causeOf(observed)
  if (observed.cancelled && !isOnItsOwn(cause?.kind)) return failure(observed, 'cancelled', `cancelled in ${where}`)
  if (cause === undefined)
    return failure(observed, 'signalled', `${where} was told to stop, and nothing says by whom: ${record.line ?? ''}`)
  return failure(observed, cause.kind, `${cause.summary} (in ${where})`, { remedy: cause.remedy })
}

function withoutRecord(observed: Observed): Failure {
  const { cancelled, pod } = observed
  const end = endOf(pod)
  const record = recordOf(observed)
  const where = record === undefined ? '' : ` (in ${stepWords(record)})`
  const cause = causeOf(observed)
  if (cancelled && !isOnItsOwn(cause?.kind)) return failure(observed, 'cancelled', `cancelled${where}`)
  if (end?.reason === 'OOMKilled') return outOfMemory(observed, `the build container exited with ${end.exitCode}`)
  if (cause !== undefined) return failure(observed, cause.kind, `${cause.summary}${where}`, { remedy: cause.remedy })
  if (end?.reason === 'ContainerStatusUnknown') {
    return failure(
      observed,
      'node-lost',
      `node ${pod?.spec?.nodeName ?? 'unknown'} no longer knows what became of the build`,
    )
  }
  if (end !== undefined && end.exitCode > 128) {
    return failure(
      observed,
      'signalled',
      `the build container was killed by signal ${end.exitCode - 128}${where}, and nothing says by whom`,
    )
  }
  const how = end === undefined ? 'ended' : `exited with ${end.exitCode}`
  if (saysSuccess(record))
    return failure(
      observed,
      'unproven',
      `the build container ${how}, and the guard's record says 0: it is not believed`,
    )
  return failure(observed, 'unproven', `the build container ${how} without a final record of the guard${where}`)
}

/**
 * What a cancel does not do. It lowers the pod's deadline or deletes the Job, so those two, with a probe that fails
 * while all is being stopped, are its own marks.
 */
function isOnItsOwn(kind: string | undefined): boolean {
  return kind === 'evicted' || kind === 'preempted' || kind === 'node-lost'
}

function signalled(observed: Observed, where: string, record: GuardRecord): Failure {
  const line = record.line ?? `killed by signal ${record.exit - 128}`
  if (faultSignals.some((signal) => line.includes(signal)))
    return failure(observed, 'step-failed', `${where} crashed: ${line}`)
  const cause = causeOf(observed)
  if (cause !== undefined && hasSettled(observed))
    return failure(observed, cause.kind, `${cause.summary} (in ${where})`, { remedy: cause.remedy })
  return failure(observed, 'signalled', `${where} was ${line}, and nothing says by whom`)
}

function outOfMemory(observed: Observed, how: string): Failure {
  return failure(observed, 'oom-killed', `out of memory: ${how}, and the kernel had killed a process of it`)
}

function stepWords({ step }: GuardRecord): string {
  return step === undefined ? 'the build' : `step ${step.number}/${step.of} "${step.name}"`
}

/** A shell relays a signal as an exit status. */
function exitWords(where: string, exit: number): string {
  const words = `${where} exited with ${exit}`
  return exit > 128 && exit <= 128 + 64 ? `${words} (a process of it was killed by signal ${exit - 128})` : words
}

/** Whether all that will be said of the end has been said. */
function hasSettled({ heardMs, jobVanished, pod, podVanished, since }: Observed): boolean {
  if (jobVanished === true || podVanished === true || isTerminal(pod)) return true
  return since.ended !== undefined && heardMs - since.ended >= settleMs
}
