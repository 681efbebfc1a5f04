import { plain } from '../model/plain-text.js'
import type { BuildResult } from '../model/result.js'
import { durationWords } from './durations.js'

const nothing = '–'

/**
 * The article's tables over results of one build under several runtime classes: one table where the node had the image
 * already, one where it had not; medians, if a class has several runs. Ends with a line end.
 */
export function compareTable(results: readonly BuildResult[]): string {
  const classes = [...new Set(results.map(({ runtimeClass }) => runtimeClass))]
  const kinds = [
    { words: 'image cached in node', results: results.filter(({ imageCached }) => imageCached === true) },
    { words: 'without image cached in node', results: results.filter(({ imageCached }) => imageCached === false) },
    {
      words: 'not known whether the image was cached',
      results: results.filter(({ imageCached }) => imageCached === undefined),
    },
  ]
  return kinds
    .filter((kind) => kind.results.length > 0)
    .map((kind) => table(kind.words, classes, kind.results))
    .join('\n')
}

function table(words: string, classes: (string | null)[], results: BuildResult[]): string {
  const columns = classes.map((name) => results.filter(({ runtimeClass }) => runtimeClass === name))
  const images = [...new Set(results.map(({ image }) => plain(image)))].join(', ')
  const rows = [
    [`${images}: ${words}`, ...classes.map((name) => (name === null ? "cluster's default" : plain(name)))],
    ['Set-up time', ...columns.map((column) => medianWords(column, ({ setUpMs }) => setUpMs))],
    ['Overall execution time', ...columns.map((column) => medianWords(column, ({ overallMs }) => overallMs))],
    ['Builds that succeeded', ...columns.map((column) => `${column.filter(isSuccess).length} of ${column.length}`)],
  ].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (row: string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`
  const rule = line(widths.map((width) => '-'.repeat(width)))
  return rows.map((row, index) => (index === 0 ? line(row) + rule : line(row))).join('')
}

/** Only of builds that succeeded: one that was cut short took no time that could be compared. */
function medianWords(results: BuildResult[], of: (result: BuildResult) => number | undefined): string {
  const median = medianOf(results.filter(isSuccess).map(of))
  return median === undefined ? nothing : durationWords(median)
}

function isSuccess({ outcome }: BuildResult): boolean {
  return outcome === 'succeeded'
}

/** Of an even number of values: the mean of the two in the middle. */
function medianOf(values: (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined).sort((a, b) => a - b)
  const middle = (known.length - 1) / 2
  const [low, high] = [known[Math.floor(middle)], known[Math.ceil(middle)]]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}
