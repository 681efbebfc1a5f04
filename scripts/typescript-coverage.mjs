// The coverage of TypeScript: what vitest counts in its own processes, and what the tests' children run.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import istanbul from 'istanbul-lib-coverage'
import { ChildCoverage } from './child-coverage.mjs'

/**
 * In percent, over all tests: a run below fails. The figures were 95.2 and 89.3 when this was written. They are higher,
 * because a child that is killed before it ends by itself leaves no report, and a machine may lack what some tests need.
 */
const least = { lines: 90, branches: 85 }

/**
 * Adds the counts of children to those of vitest. Different compilers made what they run, and their source maps differ in
 * columns. So statements are matched by their first line, and branches by the place where they begin. What only the
 * children's compiler counts (imports) is left out: children add to no total.
 *
 * @param {import('istanbul-lib-coverage').CoverageMap} own of vitest, by file
 * @param {import('istanbul-lib-coverage').CoverageMap} [children]
 * @returns {Record<'lines' | 'branches', { covered: number, total: number, percent: number }>} each arm is a branch
 */
export function figuresOf(own, children = istanbul.createCoverageMap({})) {
  const inChildren = new Set(children.files())
  const lines = []
  const branches = []
  for (const path of own.files()) {
    const counts = countsOf(own.fileCoverageFor(path))
    const more = inChildren.has(path) ? countsOf(children.fileCoverageFor(path)) : undefined
    for (const [line, count] of counts.lines) lines.push(count + (more?.lines.get(line) ?? 0))
    for (const [place, arms] of counts.branches) branches.push(...added(arms, more?.branches.get(place)))
  }
  return { lines: figureOf(lines), branches: figureOf(branches) }
}

/** Some files run from their source and compiled (dist/). Vitest's map then has their branches twice; here each is once. */
function countsOf(file) {
  const branches = new Map()
  for (const [id, { type, loc }] of Object.entries(file.branchMap)) {
    const place = `${type} ${loc.start.line}:${loc.start.column}`
    branches.set(place, added(file.b[id], branches.get(place)))
  }
  return { lines: new Map(Object.entries(file.getLineCoverage())), branches }
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

/** Of one run of vitest. It begins to count when it is made. */
export class TypescriptCoverage {
  #children = new ChildCoverage()
  #folder

  /** @param {string} folder for vitest's report */
  constructor(folder) {
    this.#folder = folder
  }

  /** Of vitest. */
  get flags() {
    return ['--coverage', '--coverage.reporter=json', `--coverage.reportsDirectory=${this.#folder}`]
  }

  /** Of vitest. */
  get env() {
    return { SHM_LIVENESS_CHILD_COVERAGE: this.#children.folder }
  }

  /** @returns {Promise<{ coverage: string[], failures: string[] }>} the figures as lines of text, and which are too low */
  async result() {
    const own = istanbul.createCoverageMap(JSON.parse(readFileSync(join(this.#folder, 'coverage-final.json'), 'utf8')))
    const figures = figuresOf(own, await this.#children.sum())
    return {
      coverage: [`coverage of TypeScript: ${textOf(figures)}`, `  without child processes: ${textOf(figuresOf(own))}`],
      failures: failuresOf(figures),
    }
  }

  [Symbol.dispose]() {
    this.#children[Symbol.dispose]()
  }
}
