import { describe, expect, it } from 'vitest'
import { lossWords } from '../../../examples/kata-build-runner/report/loss-words.js'

const gap = (afterByte: number, bytes: number, mayBeLineEnds = false) => ({ afterByte, bytes, mayBeLineEnds })

const wordsOf = (log: {
  lostBytes: number
  gaps: ReturnType<typeof gap>[]
  moreGaps?: { count: number; bytes: number }
}) => lossWords({ moreGaps: { count: 0, bytes: 0 }, ...log })

describe('what is missing of a log', () => {
  it('is said with each gap', () => {
    expect(wordsOf({ lostBytes: 12, gaps: [gap(5, 2), gap(90, 10)] })).toBe(
      'the cluster lost 12 bytes of the log: 2 after byte 5, 10 after byte 90',
    )
  })

  it('may be nothing that anybody misses', () => {
    expect(wordsOf({ lostBytes: 2, gaps: [gap(5, 2, true)] })).toBe(
      'the cluster lost 2 bytes of the log, but they may be carriage returns alone, which containerd drops from line ends: 2 after byte 5',
    )
    expect(wordsOf({ lostBytes: 12, gaps: [gap(5, 2, true), gap(90, 10)] })).toContain('but 2 of them may be carriage')
  })

  it('of unknown size is the end', () => {
    expect(wordsOf({ lostBytes: 0, gaps: [] })).toContain('the end of the log is missing')
  })

  it('is not said in hundreds of places', () => {
    const gaps = Array.from({ length: 300 }, (_, index) => gap(index, 1))
    expect(wordsOf({ lostBytes: 300, gaps })).toMatch(/1 after byte 9, and 290 gaps more$/)
    const moreGaps = { count: 1_000_000, bytes: 1_000_000 }
    expect(wordsOf({ lostBytes: 1_000_300, gaps, moreGaps })).toMatch(/1 after byte 9, and 1000290 gaps more$/)
  })
})
