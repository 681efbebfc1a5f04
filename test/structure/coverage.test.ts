import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'

const root = join(import.meta.dirname, '../..')
const source = join(root, 'lib/duration.ts')
const compiled = pathToFileURL(join(root, 'dist/duration.js')).href

// The scripts and this library have no types.
const { ChildCoverage } = await import(join(root, 'scripts/child-coverage.mjs'))
const { failuresOf, figuresOf, TypescriptCoverage } = await import(join(root, 'scripts/typescript-coverage.mjs'))
const { default: istanbul } = await import('istanbul-lib-coverage' as string)

function counting() {
  const children = new ChildCoverage()
  onTestFinished(() => children[Symbol.dispose]())
  return children
}

function child(folder: string, program: string): void {
  const env = { NODE_V8_COVERAGE: folder }
  expect(spawnSync(process.execPath, ['--input-type=module', '-e', program], { env }).status).toBe(0)
}

/** A process that reads a duration by the compiled library. */
function childThatReads(folder: string, duration: string): void {
  child(folder, `import { parseDuration } from '${compiled}'; parseDuration('${duration}')`)
}

/** How often the line of the source with this text was run. */
async function timesRun(children: InstanceType<typeof ChildCoverage>, text: string): Promise<number> {
  const lines = readFileSync(source, 'utf8').split('\n')
  const map = await children.sum()
  return map.fileCoverageFor(source).getLineCoverage()[lines.findIndex((line) => line.includes(text)) + 1]
}

const inLoop = 'part.exec(text)'
const atEnd = 'return Number(totalNs)'

describe('what children run', () => {
  it('is counted by line of the source', async () => {
    const children = counting()
    childThatReads(children.folder, '0')
    expect(await timesRun(children, "if (text === '0')")).toBe(1)
    expect(await timesRun(children, inLoop)).toBe(0)
  })

  it('is summed up', async () => {
    const children = counting()
    for (const duration of ['1m30s', 'soon', '5s']) childThatReads(children.folder, duration)
    expect(await timesRun(children, inLoop)).toBe(4)
    expect(await timesRun(children, atEnd)).toBe(2)
  })

  it('is counted once its report is whole', async () => {
    const children = counting()
    childThatReads(children.folder, '5s')
    const [name] = readdirSync(children.folder) as [string]
    const path = join(children.folder, name)
    const whole = readFileSync(path)
    writeFileSync(path, whole.subarray(0, whole.length / 2))
    expect((await children.sum()).files()).toEqual([])
    appendFileSync(path, whole.subarray(whole.length / 2))
    expect(await timesRun(children, atEnd)).toBe(1)
    expect(readdirSync(children.folder)).toEqual([])
  })

  it.each([
    ['benchmarks and fixtures', `import '${pathToFileURL(join(root, 'dist-programs/bench/table.js'))}'`],
    [
      'code that is in no file',
      `import { runInThisContext } from 'node:vm'; runInThisContext('1', { filename: '${compiled}/code.js' })`,
    ],
  ])('is not counted of %s', async (_, program) => {
    const children = counting()
    child(children.folder, program)
    expect(readdirSync(children.folder)).toHaveLength(1)
    expect((await children.sum()).files()).toEqual([])
  })
})

const at = (line: number, column: number) => ({ start: { line, column }, end: { line, column: column + 10 } })

/** A file with a statement in each line, all of them in `column`, and one branch in the first line. */
function mapOf(column: number, counts: number[], arms: number[], path = '/a.ts') {
  const branch = { type: 'if', loc: at(1, 2), locations: arms.map(() => at(1, 2)) }
  const file = {
    path,
    statementMap: { ...counts.map((_, index) => at(index + 1, column)) },
    s: { ...counts },
    ...{ fnMap: {}, f: {}, branchMap: { 0: branch }, b: { 0: arms } },
  }
  return istanbul.createCoverageMap({ [path]: file })
}

describe('the figures of vitest and children', () => {
  it('cover a line that either ran, in whatever column the compilers saw it', () => {
    const { lines } = figuresOf([mapOf(4, [1, 0, 0, 0], [])], mapOf(8, [0, 2, 0, 0], []))
    expect(lines).toEqual({ covered: 2, total: 4, percent: 50 })
  })

  it('cover an arm of a branch that either took', () => {
    const { branches } = figuresOf([mapOf(4, [1], [3, 0, 0])], mapOf(8, [1], [0, 1, 0]))
    expect(branches).toEqual({ covered: 2, total: 3, percent: 66.66 })
  })

  it('have the lines of vitest, and no others', () => {
    const { lines } = figuresOf([mapOf(4, [1, 0], [])], mapOf(8, [1, 0, 1, 1, 1], []))
    expect(lines).toEqual({ covered: 1, total: 2, percent: 50 })
  })

  it('have a branch once that vitest has twice, by maps that differ in where it ends', () => {
    const map = mapOf(4, [1], [3, 0])
    const file = map.fileCoverageFor('/a.ts').data
    file.branchMap[1] = { ...file.branchMap[0], loc: { ...at(1, 2), end: { line: 1, column: null } } }
    file.b[1] = [0, 0]
    expect(figuresOf([map]).branches).toEqual({ covered: 1, total: 2, percent: 50 })
  })
})

describe('the figures of several runs of vitest', () => {
  it('cover a line and an arm of a branch that any of them ran', () => {
    const figures = figuresOf([mapOf(4, [1, 0, 0, 0], [2, 0, 0]), mapOf(4, [1, 1, 0, 0], [0, 0, 1])])
    expect(figures.lines).toEqual({ covered: 2, total: 4, percent: 50 })
    expect(figures.branches).toEqual({ covered: 2, total: 3, percent: 66.66 })
  })

  it('have the files of all', () => {
    const figures = figuresOf([mapOf(4, [1, 0], []), mapOf(4, [0, 1], [], '/b.ts')])
    expect(figures.lines).toEqual({ covered: 2, total: 4, percent: 50 })
  })

  it.each([
    ['later', (ran: object, unloaded: object) => [ran, unloaded]],
    ['earlier', (ran: object, unloaded: object) => [unloaded, ran]],
  ])('have no line that only the %s run counts, which did not load the file', (_, inOrder) => {
    const figures = figuresOf(inOrder(mapOf(4, [1, 0], [1, 0]), mapOf(8, [0, 0, 0, 0], [0, 0, 0])))
    expect(figures.lines).toEqual({ covered: 1, total: 2, percent: 50 })
    expect(figures.branches).toEqual({ covered: 1, total: 2, percent: 50 })
  })

  it('have a file once, and as not covered, that none of them loaded', () => {
    const figures = figuresOf([mapOf(4, [0, 0], [0, 0]), mapOf(4, [0, 0], [0, 0])])
    expect(figures.lines).toEqual({ covered: 0, total: 2, percent: 0 })
    expect(figures.branches).toEqual({ covered: 0, total: 2, percent: 0 })
  })
})

describe('the counts of runs of vitest', () => {
  it('are read from a report of each, and of the children of all', async () => {
    const counting = new TypescriptCoverage()
    onTestFinished(() => counting[Symbol.dispose]())
    const loads = (duration: string) => {
      const { flags, env } = counting.run()
      const [folder] = flags.flatMap((flag: string) => /^--coverage\.reportsDirectory=(.*)$/.exec(flag)?.[1] ?? [])
      mkdirSync(folder)
      writeFileSync(
        join(folder, 'coverage-final.json'),
        JSON.stringify(mapOf(4, duration === '0' ? [1, 0] : [0, 1], [1])),
      )
      childThatReads(env.SHM_LIVENESS_CHILD_COVERAGE, duration)
      return folder
    }
    expect(loads('0')).not.toBe(loads('5s'))
    expect((await counting.result()).coverage).toEqual([
      'coverage of TypeScript: lines 100 % (2 of 2), branches 100 % (1 of 1)',
      '  without child processes: lines 100 % (2 of 2), branches 100 % (1 of 1)',
    ])
  })

  it('are an error where a run left no report', async () => {
    const counting = new TypescriptCoverage()
    onTestFinished(() => counting[Symbol.dispose]())
    counting.run()
    await expect(counting.result()).rejects.toThrow('coverage-final.json')
  })
})

describe('a run that covers too little', () => {
  it('fails for lines and for branches', () => {
    const failures = failuresOf(figuresOf([mapOf(0, [1, 0], [1, 0])]))
    expect(failures.map((failure: string) => failure.split(',')[0])).toEqual([
      'coverage of TypeScript: lines 50 %',
      'coverage of TypeScript: branches 50 %',
    ])
  })

  it('is one below the bar', () => {
    expect(failuresOf(figuresOf([mapOf(0, [1, 1], [1, 1])]))).toEqual([])
  })
})
