import { describe, expect, it } from 'vitest'
import { compareTable, type Measured } from '../../../examples/buildkit-ci/agent/compare.js'

const measured = (way: string, isCached: boolean, ...seconds: number[]): Measured[] =>
  seconds.map((each) => ({ way, isCached, seconds: each }))

describe('the comparison', () => {
  it('has the median of each way, its range, and how much the second takes of the first', () => {
    const all = [
      ...[...measured('before', false, 100, 120, 90), ...measured('after', false, 50, 40)],
      ...[...measured('before', true, 30), ...measured('after', true, 3)],
    ]
    expect(compareTable(all)).toBe(
      [
        '| image | before | after | after by before |',
        '| --- | --- | --- | --- |',
        '| not cached | 100.0 s (90.0–120.0) | 45.0 s (40.0–50.0) | 45 % |',
        '| cached | 30.0 s | 3.0 s | 10 % |',
        '',
      ].join('\n'),
    )
  })

  it('has one column if nothing was before', () => {
    expect(compareTable(measured('after', false, 2))).toBe('| image | after |\n| --- | --- |\n| not cached | 2.0 s |\n')
  })
})
