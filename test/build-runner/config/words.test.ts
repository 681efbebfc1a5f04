import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { didYouMean } from '../../../examples/kata-build-runner/config/did-you-mean.js'
import { durationMs } from '../../../examples/kata-build-runner/config/durations.js'

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors/durations.json'), 'utf8'))

describe('durationMs', () => {
  it("reads what the guard and the package's own reader read", () => {
    for (const [text, ns] of vectors.valid) expect([text, durationMs(text)]).toEqual([text, ns / 1e6])
  })

  it('reads nothing else', () => {
    for (const text of vectors.invalid) expect([text, durationMs(text)]).toEqual([text, undefined])
  })
})

describe('didYouMean', () => {
  const known = ['exclusion', 'weightage', 'options', 'plugin', 'buildTimeout', 'maxBuildTimeout']
  it.each([
    ['exclusions', 'exclusion'],
    ['exclusoin', 'exclusion'],
    ['Weightage', 'weightage'],
    ['option', 'options'],
    ['build_timeout', 'buildTimeout'],
    ['maxBuildTimeOut', 'maxBuildTimeout'],
  ])('knows what %s is meant to be', (word, meant) => {
    expect(didYouMean(word, known)).toBe(`; did you mean "${meant}"?`)
  })

  it.each(['token', 'x', '', 'imagePullSecretName', 'z'.repeat(100_000)])('does not guess at %.20j', (word) => {
    expect(didYouMean(word, known)).toBe('')
  })
})
