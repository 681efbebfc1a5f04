// The coverage of TypeScript: what vitest counts in its own processes, and what the tests' children run.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import istanbul from 'istanbul-lib-coverage'
import { ChildCoverage } from './child-coverage.mjs'

/**
 * In percent, over all tests: a run below fails. The figures were 95.2 and 89.3 when this was written. They are higher,
 * because a child that is killed before it ends by itself leaves no report, and a machine may lack what some tests need.
 */
const least = { lines: 90, branches: 85 }

/**
 * Adds up the counts of all runs of vitest, and those of children. Different compilers made what these run, and their
 * source maps differ in columns. So statements are matched by their first line, and branches by the place where they
 * begin. What only the children's compiler counts (imports) is left out: children add to no total.
 *
 * @param {import('istanbul-lib-coverage').CoverageMap[]} runs of vitest, by file
 * @param {import('istanbul-lib-coverage').CoverageMap} [children]
 * @returns {Record<'lines' | 'branches', { covered: number, total: number, percent: number }>} each arm is a branch
 */
export function figuresOf(runs, children = istanbul.createCoverageMap({})) {
  const lines = []
  const branches = []
  for (const path of new Set(runs.flatMap((run) => run.files()))) {
    const counts = countsOf(loadedOf(filesOf(runs, path)))
    const more = countsOf(filesOf([children], path))
    for (const [line, count] of counts.lines) lines.push(count + (more.lines.get(line) ?? 0))
    for (const [place, arms] of counts.branches) branches.push(...added(arms, more.branches.get(place)))
  }
  return { lines: figureOf(lines), branches: figureOf(branches) }
}

const filesOf = (maps, path) => maps.filter(({ data }) => path in data).map((map) => map.fileCoverageFor(path))

/**
 * Vitest also reports the files that its run has not loaded, and compiles them for that from their source, where other
 * lines count than in the compiled files. They would add lines that nothing can cover, so another run's counts replace them.
 */
function loadedOf(files) {
  const loaded = files.filter(({ s }) => Object.values(s).some((count) => count > 0))
  return loaded.length > 0 ? loaded : files.slice(0, 1)
}

/**
 * The counts of one file by several maps. Some files also run from their source and compiled (dist/): the map of one run
 * then has their branches twice. Here each is once.
 */
function countsOf(files) {
  const lines = new Map()
  const branches = new Map()
  for (const file of files) {
    for (const [line, count] of Object.entries(file.getLineCoverage())) lines.set(line, count + (lines.get(line) ?? 0))
    for (const [id, { type, loc }] of Object.entries(file.branchMap)) {
      const place = `${type} ${loc.start.line}:${loc.start.column}`
      branches.set(place, added(file.b[id], branches.get(place)))
    }
  }
  return { lines, branches }
}

const added = (arms, others = []) => arms.map((count, arm) => count + (others[arm] ?? 0))

function figureOf(counts) {
  const covered = counts.filter((count) => count > 0).length
  // Rounded down, so that 100 % is all.
  return { covered, total: counts.length, percent: Math.floor((covered / counts.length) * 10_000) / 100 }
}

const textOf = ({ lines, branches }) => `lines ${partOf(lines)}, branches ${partOf(branches)}`
const partOf = ({ covered, total, percent }) => `${percent} % (${covered} of ${total})`

/** @returns {string[]} each figure that is too low */
export function failuresOf(figures) {
  return Object.entries(least)
    .filter(([what, percent]) => figures[what].percent < percent)
    .map(
      ([what, percent]) =>
        `coverage of TypeScript: ${what} ${figures[what].percent} %, expected at least ${percent} %. ` +
        'Add tests of what is new, and install what skipped tests need.',
    )
}

/** Of several runs of vitest, also at a time, and of the children of all. It begins to count when it is made. */
export class TypescriptCoverage {
  #children = new ChildCoverage()
  #folder = mkdtempSync(join(tmpdir(), 'shm-liveness-coverage-'))
  #reports = []

  /** @returns {{ flags: string[], env: Record<string, string> }} for one more run of vitest, whose report has a folder of its own */
  run() {
    const folder = join(this.#folder, String(this.#reports.length))
    this.#reports.push(join(folder, 'coverage-final.json'))
    return {
      flags: ['--coverage', '--coverage.reporter=json', `--coverage.reportsDirectory=${folder}`],
      env: { SHM_LIVENESS_CHILD_COVERAGE: this.#children.folder },
    }
  }

  /**
   * After the runs.
   *
   * @returns {Promise<{ coverage: string[], failures: string[] }>} the figures as lines of text, and which are too low
   * @throws {Error} if a run left no report
   */
  async result() {
    const runs = this.#reports.map((path) => istanbul.createCoverageMap(JSON.parse(readFileSync(path, 'utf8'))))
    const figures = figuresOf(runs, await this.#children.sum())
    return {
      coverage: [`coverage of TypeScript: ${textOf(figures)}`, `  without child processes: ${textOf(figuresOf(runs))}`],
      failures: failuresOf(figures),
    }
  }

  [Symbol.dispose]() {
    this.#children[Symbol.dispose]()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
