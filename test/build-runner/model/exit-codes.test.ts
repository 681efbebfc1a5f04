import { describe, expect, it } from 'vitest'
import { exitCodeOf, exitCodes } from '../../../examples/kata-build-runner/model/exit-codes.js'
import { type Failure, type FailureKind, failureKinds } from '../../../examples/kata-build-runner/model/failure.js'
import { RunnerError } from '../../../examples/kata-build-runner/model/runner-error.js'

const failed = (kind: FailureKind, started = true) => {
  const failure: Failure = { kind, started, summary: '', remedy: '', evidence: [], retry: false }
  return exitCodeOf({ outcome: 'failed', failure })
}

describe('the exit status', () => {
  it('is 0 for a success only', () => {
    expect(exitCodeOf({ outcome: 'succeeded' })).toBe(0)
    for (const kind of failureKinds) expect(failed(kind)).not.toBe(0)
    expect(exitCodeOf({ outcome: 'failed' })).toBe(7)
  })

  it('is 3 for whatever failed before the start', () => {
    for (const kind of failureKinds) expect(failed(kind, false)).toBe(kind === 'cancelled' ? 130 : 3)
  })

  it.each<[number, FailureKind[]]>([
    [1, ['step-failed']],
    [4, ['stalled', 'dead']],
    [5, ['time-limit', 'deadline']],
    [6, ['oom-killed', 'evicted', 'node-lost', 'preempted', 'signalled', 'job-vanished']],
    [7, ['unproven']],
    [130, ['cancelled']],
  ])('is %i for %j after it', (code, kinds) => {
    expect(failureKinds.filter((kind) => failed(kind) === code)).toEqual(expect.arrayContaining(kinds))
    expect(kinds.map((kind) => failed(kind))).toEqual(kinds.map(() => code))
  })

  it('is 8 for a build that was left running, 130 for one that was cancelled', () => {
    expect(exitCodeOf({ outcome: 'left-running' })).toBe(8)
    expect(exitCodeOf({ outcome: 'cancelled' })).toBe(130)
  })

  it('differs for each meaning', () => {
    const codes = Object.values(exitCodes).map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
  })

  it("of the runner's own errors says whether the caller or the cluster is at fault", () => {
    expect(new RunnerError('CONFIG_INVALID', 'x', 'y').exitCode).toBe(2)
    expect(new RunnerError('CONNECTION', 'x', 'y').exitCode).toBe(3)
    expect(new RunnerError('CANCELLED', 'x', 'y').exitCode).toBe(130)
  })
})
