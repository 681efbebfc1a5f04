// Counts what the child processes of the tests run. Node.js writes a report for each process that ends by itself into the
// folder that NODE_V8_COVERAGE names (test/support/counted-children.ts). A process that a signal ends leaves none.
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { mergeScriptCovs } from '@bcoe/v8-coverage'
import { convert } from 'ast-v8-to-istanbul'
import istanbul from 'istanbul-lib-coverage'
import { parseAstAsync } from 'rolldown/parseAst'

const root = join(import.meta.dirname, '..')

/** The folders of compiled files that have source maps: of the library, and of the examples. */
const counted = ['dist/', 'dist-programs/examples/', 'dist-programs/lib/'].map(
  (folder) => pathToFileURL(join(root, folder)).href,
)
const isCounted = ({ url }) =>
  url.endsWith('.js') && counted.some((folder) => url.startsWith(folder)) && existsSync(`${fileURLToPath(url)}.map`)

const foldEveryMs = 1_000

export class ChildCoverage {
  /** For NODE_V8_COVERAGE. */
  folder = mkdtempSync(join(tmpdir(), 'shm-liveness-children-'))
  /** The sum over all children so far, of each compiled file, by its URL. */
  #scripts = new Map()
  #timer = setInterval(() => this.#fold(), foldEveryMs)

  constructor() {
    chmodSync(this.folder, 0o1777) // some children run as another user
  }

  /** Adds the reports to the sum and removes them: a run leaves thousands, some of many megabytes. */
  #fold() {
    for (const name of readdirSync(this.folder)) {
      const path = join(this.folder, name)
      let report
      try {
        report = JSON.parse(readFileSync(path, 'utf8'))
      } catch {
        continue // still being written, or its process was killed meanwhile
      }
      rmSync(path)
      for (const script of report.result.filter(isCounted)) {
        const sum = this.#scripts.get(script.url)
        this.#scripts.set(script.url, sum === undefined ? script : mergeScriptCovs([sum, script]))
      }
    }
  }

  /** What all children have run, by source file. @returns {Promise<import('istanbul-lib-coverage').CoverageMap>} */
  async sum() {
    this.#fold()
    const map = istanbul.createCoverageMap({})
    for (const coverage of this.#scripts.values()) {
      const path = fileURLToPath(coverage.url)
      const code = readFileSync(path, 'utf8')
      const sourceMap = JSON.parse(readFileSync(`${path}.map`, 'utf8'))
      map.merge(await convert({ code, sourceMap, ast: parseAstAsync(code), coverage }))
    }
    return map
  }

  [Symbol.dispose]() {
    clearInterval(this.#timer)
    rmSync(this.folder, { recursive: true, force: true })
  }
}
