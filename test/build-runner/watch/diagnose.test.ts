import { describe, expect, it } from 'vitest'
import { failureKinds } from '../../../examples/kata-build-runner/model/failure.js'
import { failureOf, succeeded } from '../../../examples/kata-build-runner/watch/diagnose.js'
import { failure } from '../../../examples/kata-build-runner/watch/evidence.js'
import { hasStarted } from '../../../examples/kata-build-runner/watch/facts.js'
import { validate } from '../../support/schema.js'
import { takenBeforeStartCases } from './cases/before-start.js'
import type { Case } from './cases/case.js'
import { imageCases } from './cases/image.js'
import { killedCases } from './cases/killed.js'
import { noPodCases } from './cases/no-pod.js'
import { nodeCases } from './cases/node.js'
import { recordCases } from './cases/record.js'
import { takenAwayCases } from './cases/taken-away.js'
import { installed, limits, observed, pod, success, terminated } from './shapes.js'

const beforeStartCases = [...imageCases, ...noPodCases, ...nodeCases, ...takenBeforeStartCases]
const afterStartCases = [...recordCases, ...takenAwayCases, ...killedCases]

function check({ observed: seen, kind, says, remedy, retry = false, evidence }: Case, started: boolean) {
  const found = failureOf(seen, limits)
  expect(found).toMatchObject({ kind, retry, started })
  for (const part of says) expect(found?.summary).toMatch(part)
  if (remedy !== undefined) expect(found?.remedy).toMatch(remedy)
  expect(found?.remedy).not.toBe('')
  if (evidence !== undefined) expect(found?.evidence.join('\n')).toContain(evidence)
  expect(succeeded(seen)).toBe(false)
}

describe('a build that never started', () => {
  it.each(beforeStartCases)('$name: $kind', (each) => check(each, false))
})

describe('a build that had started', () => {
  it.each(afterStartCases)('$name: $kind', (each) => check(each, true))
})

describe('the cases', () => {
  const all = [...beforeStartCases, ...afterStartCases]

  it('have every kind of failure', () => {
    expect(new Set(all.map(({ kind }) => kind))).toEqual(new Set(failureKinds.filter((kind) => kind !== 'launch')))
  })

  it('are of pods and Jobs that an API server would take', () => {
    for (const { observed: seen } of all) {
      validate(seen.pod)
      validate(seen.job)
    }
  })

  it('do not depend on whether times are texts or dates', () => {
    for (const { observed: seen } of all) {
      expect(failureOf(withDates(seen) as typeof seen, limits)).toEqual(failureOf(seen, limits))
    }
  })

  it('are never retried once the container may have started', () => {
    for (const { observed: seen } of all) {
      if (hasStarted(seen)) expect(failureOf(seen, limits)?.retry).toBe(false)
    }
  })
})

describe('success', () => {
  const end = (message: string, reason = 'Completed') =>
    observed({ pod: pod({ phase: 'Succeeded', installer: installed, build: terminated(0, reason, message) }) })

  it("is the final record of the last step's exit 0", () => {
    expect(succeeded(end(success))).toBe(true)
    expect(failureOf(end(success), limits)).toBeUndefined()
  })

  it('stands also if a process of it had been out of memory, or the build was to be cancelled', () => {
    expect(failureOf(end(success, 'OOMKilled'), limits)).toBeUndefined()
    expect(failureOf({ ...end(success), cancelled: true }, limits)).toBeUndefined()
  })

  it("is known from the log's final mark, where the pod is gone", () => {
    const record = {
      outcome: 'exited',
      exit: 0,
      step: { number: 3, of: 3, name: 'pack' },
      time: '',
      interim: false,
    } as const
    const gone = observed({
      pod: pod({ phase: 'Running', installer: installed, build: { running: {} } }),
      podVanished: true,
    })
    expect(failureOf(gone, limits)?.kind).toBe('job-vanished')
    expect(succeeded({ ...gone, record })).toBe(true)
  })
})

describe('another attempt', () => {
  it('is never asked for once the container had started, whatever a rule says', () => {
    expect(failure(observed(), 'image-pull', 'x', { retry: true }).retry).toBe(true)
    expect(failure(observed({ since: { running: 0 } }), 'image-pull', 'x', { retry: true }).retry).toBe(false)
  })
})

describe('what is shown', () => {
  it("never has control characters from the cluster's messages", () => {
    const evil = 'x\u001b[2J\u202edetsurt\u0007\r\nnew line'
    const build = { waiting: { reason: 'CreateContainerError', message: evil } }
    const seen = observed({
      afterSeconds: 10_000,
      since: { starting: 0 },
      pod: pod({ installer: installed, build }),
    })
    const found = failureOf(seen, limits)
    expect(found?.summary).toContain('new line')
    expect(JSON.stringify(found)).not.toMatch(/\\u001b|\\u0007|\\r|\\n|\u202e/)
  })
})

function withDates(value: unknown): unknown {
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:]+Z$/.test(value)) return new Date(value)
  if (Array.isArray(value)) return value.map(withDates)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withDates(inner)]))
}
