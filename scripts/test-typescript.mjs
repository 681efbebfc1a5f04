// The TypeScript tests, by vitest.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))

/**
 * @param {object} options
 * @param {string[]} options.projects of vitest.config.ts
 * @param {object} [options.counting] of `startCounting`
 * @param {string[]} [options.filters] parts of file names; all files if there are none
 * @returns {Promise<object>} what ran, how long each project took, and which tests failed and with what
 */
export async function testTypescript({ projects, counting, filters = [] }) {
  const folder = mkdtempSync(join(tmpdir(), 'shm-liveness-tests-'))
  const report = join(folder, 'report.json')
  const partsReport = join(folder, 'parts.json')
  const counted = counting?.run()
  try {
    const vitest = spawn(
      'vitest',
      [
        'run',
        ...projects.flatMap((project) => ['--project', project]),
        ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
        '--reporter=./scripts/parts-reporter.mjs',
        ...(counted?.flags ?? []),
        ...filters,
      ],
      { stdio: 'inherit', env: { ...process.env, SHM_LIVENESS_PARTS_REPORT: partsReport, ...counted?.env } },
    )
    const [status] = await once(vitest, 'close')
    return { ...countsOf(readJson(report), status), parts: readJson(partsReport) }
  } catch (error) {
    // Vitest did not come to its end.
    return { passed: 0, failed: 1, skipped: 0, failures: [`vitest: ${error.message}`] }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Counts what the runs of `testTypescript` cover that are given it. Loaded here: its libraries are not there before the dependencies are. */
export async function startCounting() {
  const { TypescriptCoverage } = await import('./typescript-coverage.mjs')
  return new TypescriptCoverage()
}

/**
 * @param {object} counting of `startCounting`, whose runs have ended
 * @param {object} options
 * @param {boolean} options.isBarred whether too low a coverage is a failure: right where all tests run
 * @returns {Promise<object>} the coverage as lines of text, and what failed
 */
export async function endCounting(counting, { isBarred }) {
  const none = { passed: 0, failed: 0, skipped: 0 }
  try {
    const { coverage, failures } = await counting.result()
    return isBarred ? { ...none, failed: failures.length, failures, coverage } : { ...none, coverage }
  } catch (error) {
    return { ...none, failed: 1, failures: [`coverage of TypeScript: ${error.message}`] }
  } finally {
    counting[Symbol.dispose]()
  }
}

function countsOf(report, status) {
  const { numPassedTests, numFailedTests, numPendingTests, numTotalTests, success, testResults } = report
  const isGreen = success && numTotalTests > 0 && status === 0
  return {
    passed: numPassedTests,
    failed: numFailedTests || (isGreen ? 0 : 1),
    skipped: numPendingTests,
    failures: failuresOf(testResults),
  }
}

// Told again at the end: of a long run often only the end is kept.
function failuresOf(files) {
  return files.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(process.cwd(), name)
    const failed = assertionResults.filter((test) => test.status === 'failed')
    if (failed.length === 0) return status === 'failed' ? [`${file}\n${message}`] : []
    return failed.map(
      (test) => `${file} > ${test.fullName}\n${test.failureMessages.join('\n').replace(/^.*node_modules.*\n?/gm, '')}`,
    )
  })
}
