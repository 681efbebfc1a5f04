import { describe, expect, it } from 'vitest'
import { BuildSteps, type ProgressUpdate, type StepUpdate } from '../../../examples/buildkit-ci/progress/build-steps.js'

const step = (digest: string, more: Partial<StepUpdate> = {}): ProgressUpdate => ({
  steps: [{ digest, name: `RUN ${digest}`, isStarted: true, isCompleted: false, isCached: false, error: '', ...more }],
  parts: [],
  output: [],
})
const part = (id: string, current: number, isCompleted = false): ProgressUpdate => ({
  steps: [],
  parts: [{ id, step: 'a', current, isCompleted }],
  output: [],
})
const output = (digest: string): ProgressUpdate => ({ steps: [], parts: [], output: [digest] })

describe('the steps of a build', () => {
  it('run from their start to their end, the most silent first', () => {
    const steps = new BuildSteps(0)
    steps.note(step('a'), 10)
    steps.note(step('b'), 20)
    expect(steps.running(50)).toEqual([
      { name: 'RUN a', silentMs: 40 },
      { name: 'RUN b', silentMs: 30 },
    ])
    steps.note(step('a', { isCompleted: true }), 60)
    expect(steps.running(70)).toEqual([{ name: 'RUN b', silentMs: 50 }])
  })

  it('make progress by output', () => {
    const steps = new BuildSteps(0)
    steps.note(step('a'), 0)
    steps.note(output('a'), 30)
    expect(steps.running(40)).toEqual([{ name: 'RUN a', silentMs: 10 }])
  })

  it('make progress by a count that moves or ends, and not by one that is repeated', () => {
    const steps = new BuildSteps(0)
    steps.note(step('a'), 0)
    steps.note(part('layer', 1), 10)
    steps.note(part('layer', 1), 20)
    expect(steps.running(20)[0].silentMs).toBe(10)
    steps.note(part('layer', 2), 30)
    expect(steps.running(30)[0].silentMs).toBe(0)
    steps.note(part('layer', 2, true), 40)
    expect(steps.running(40)[0].silentMs).toBe(0)
  })

  it('that are told again, or are in the cache, are no progress', () => {
    const steps = new BuildSteps(0)
    steps.note(step('a'), 0)
    steps.note(step('a'), 30)
    steps.note(step('b', { isStarted: false }), 30)
    expect(steps.running(30)).toEqual([{ name: 'RUN a', silentMs: 30 }])
    steps.note(step('b', { isCached: true }), 40)
    expect(steps.running(40)).toEqual([{ name: 'RUN a', silentMs: 40 }])
  })

  it('are none while the build waits for its client, and that is silence too', () => {
    const steps = new BuildSteps(0)
    steps.note(step('a'), 0)
    steps.note(step('a', { isCompleted: true }), 5)
    expect(steps.running(25)).toEqual([{ name: 'no step', silentMs: 20 }])
  })
})
