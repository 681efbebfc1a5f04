import { describe, expect, it } from 'vitest'
import { compareTable } from '../../../examples/kata-build-runner/report/compare-table.js'
import { result } from './results.js'

describe("the article's table", () => {
  it('has a column for each runtime class, and a table for each state of the image', () => {
    const table = compareTable([
      result({ imageCached: false, setUpMs: 51_000, overallMs: 115_000 }),
      result(),
      result({ runtimeClass: 'hyper', setUpMs: 50_000, overallMs: 116_000 }),
      result({ runtimeClass: 'hyper', imageCached: false, setUpMs: 92_000, overallMs: 160_000 }),
    ])
    expect(table).toBe(`\
| node:12: image cached in node | kata          | hyper         |
| ----------------------------- | ------------- | ------------- |
| Set-up time                   | 28 secs       | 50 secs       |
| Overall execution time        | 1 min 32 secs | 1 min 56 secs |
| Builds that succeeded         | 1 of 1        | 1 of 1        |

| node:12: without image cached in node | kata          | hyper         |
| ------------------------------------- | ------------- | ------------- |
| Set-up time                           | 51 secs       | 1 min 32 secs |
| Overall execution time                | 1 min 55 secs | 2 min 40 secs |
| Builds that succeeded                 | 1 of 1        | 1 of 1        |
`)
  })

  it('shows medians, and counts out what failed', () => {
    const failed = result({ outcome: 'failed', setUpMs: 1000, overallMs: 2000 })
    const odd = compareTable([10, 90, 20].map((seconds) => result({ setUpMs: seconds * 1000 })).concat(failed))
    expect(odd).toMatch(/Set-up time +\| 20 secs/)
    expect(odd).toMatch(/Builds that succeeded +\| 3 of 4/)
    expect(compareTable([10, 21].map((seconds) => result({ setUpMs: seconds * 1000 })))).toMatch(
      /Set-up time +\| 16 secs/,
    )
  })

  it('says where there is nothing to compare', () => {
    const table = compareTable([result(), result({ runtimeClass: null, imageCached: false })])
    expect(table).toContain("cluster's default")
    expect(table).toMatch(/Set-up time +\| 28 secs +\| – /)
    const { imageCached: _, ...unknown } = result()
    expect(compareTable([unknown])).toContain('not known whether the image was cached')
    expect(compareTable([])).toBe('')
  })

  it('stays a table, whatever the names', () => {
    const table = compareTable([result({ runtimeClass: 'a|b\n\u001b[2J', image: 'x|y' })])
    expect(table).toContain('a\\|b \ufffd[2J')
    expect(
      new Set(
        table
          .trimEnd()
          .split('\n')
          .map((line) => line.replaceAll('\\|', '').split('|').length),
      ),
    ).toEqual(new Set([4]))
  })
})
