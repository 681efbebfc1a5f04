import { describe, expect, it } from 'vitest'
import { differenceOf, differenceText, isTold, medianOf, spreadOf } from '../support/noise.js'
import { type CpuByAsked, costRows, perProbe, turnsOf } from '../support/probe-cost.js'

describe('a measured difference', () => {
  it('is the median of the differences of the rounds, with their spread', () => {
    expect(differenceOf([15, 31, 22], [10, 20, 15])).toEqual({ median: 7, spread: 6 })
  })

  it('does not show a load that changes from round to round', () => {
    expect(differenceOf([110, 1010, 510], [100, 1000, 500])).toEqual({ median: 10, spread: 0 })
  })

  it.each([
    [{ median: 7, spread: 6 }, true, '7 ms (spread 6 ms)'],
    [{ median: -7, spread: 6 }, true, '-7 ms (spread 6 ms)'],
    [{ median: 6, spread: 6 }, false, 'cannot be told from noise (spread 6 ms)'],
    [{ median: -689, spread: 1200 }, false, 'cannot be told from noise (spread 1200 ms)'],
    [{ median: 1.2345, spread: 0.1234 }, true, '1.23 ms (spread 0.12 ms)'],
  ])('is told, if it exceeds the spread: %j', (difference, told, text) => {
    expect(isTold(difference)).toBe(told)
    expect(differenceText(difference, 'ms')).toBe(text)
  })

  it('of one round is never told', () => {
    expect(isTold(differenceOf([1000], [1]))).toBe(false)
  })

  it('needs both figures of each round', () => {
    expect(() => differenceOf([1, 2], [1])).toThrow('2 figures, but 1 to subtract')
  })
})

describe('median and spread', () => {
  it.each([
    [[3, 1, 2], 2, 2],
    [[4, 1, 2, 3], 2.5, 3],
    [[5, 5], 5, 0],
    [[5], 5, Number.POSITIVE_INFINITY],
  ])('of %j are %d and %d', (values, median, spread) => {
    expect([medianOf(values), spreadOf(values)]).toEqual([median, spread])
  })
})

describe('the cost of a probe', () => {
  const quiet: CpuByAsked = {
    nobody: [100, 104, 98],
    exec: [570, 576, 567],
    httpGet: [112, 113, 107],
  }
  const noisy: CpuByAsked = {
    nobody: [7_000, 100, 3_000],
    exec: [560, 2_300, 900],
    httpGet: [112, 5_000, 300],
  }

  it('is its share of what the node computes more', () => {
    expect(perProbe(quiet, 'exec', 'nobody', 10)).toEqual({ median: 47, spread: expect.closeTo(0.3) })
    expect(costRows(quiet, 10)).toEqual([
      { asked: 'by nobody', 'ms of CPU per second': 100 },
      { asked: 'by exec', 'ms of CPU per second': 570, 'a probe costs': '47 ms (spread 0.3 ms)' },
      { asked: 'by httpGet', 'ms of CPU per second': 112, 'a probe costs': '0.9 ms (spread 0.3 ms)' },
    ])
  })

  it('cannot be told on a busy node', () => {
    expect(isTold(perProbe(noisy, 'exec', 'httpGet', 10))).toBe(false)
    expect(costRows(noisy, 10).map((row) => row['a probe costs'])).toEqual([
      undefined,
      'cannot be told from noise (spread 864 ms)',
      'cannot be told from noise (spread 1178.8 ms)',
    ])
  })

  it('is measured in turns, each second round backwards', () => {
    expect([0, 1, 2].map((round) => turnsOf(round).join(' '))).toEqual([
      'nobody exec httpGet',
      'httpGet exec nobody',
      'nobody exec httpGet',
    ])
  })
})
