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
 * @param {boolean} [options.coverage]
 * @param {boolean} [options.isBarred] whether too low a coverage fails the run: right where all tests run
 * @param {string[]} [options.filters] parts of file names; all files if there are none
 * @returns {Promise<object>} what ran, how long each project took, which tests failed and with what, and the coverage as lines of text
 */
export async function testTypescript({ projects, coverage = false, isBarred = false, filters = [] }) {
  const folder = mkdtempSync(join(tmpdir(), 'shm-liveness-tests-'))
  const report = join(folder, 'report.json')
  const partsReport = join(folder, 'parts.json')
  const counting = coverage ? await startCounting(join(folder, 'coverage')) : undefined
  try {
    const vitest = spawn(
      'vitest',
      [
        'run',
        ...projects.flatMap((project) => ['--project', project]),
        ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
        '--reporter=./scripts/parts-reporter.mjs',
        ...(counting?.flags ?? []),
        ...filters,
      ],
      { stdio: 'inherit', env: { ...process.env, SHM_LIVENESS_PARTS_REPORT: partsReport, ...counting?.env } },
    )
    const [status] = await once(vitest, 'close')
    const counts = countsOf(readJson(report), status)
    const { coverage: lines = [], failures: tooLow = [] } = (await counting?.result()) ?? {}
    const failures = [...counts.failures, ...(isBarred ? tooLow : [])]
    return {
      ...counts,
      failed: counts.failed + failures.length - counts.failures.length,
      failures,
      parts: readJson(partsReport),
      coverage: lines,
    }
  } catch (error) {
    // Vitest did not come to its end.
    return { passed: 0, failed: 1, skipped: 0, failures: [`vitest: ${error.message}`] }
  } finally {
    counting?.[Symbol.dispose]()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Loaded here: its libraries are not there before the dependencies are. */
async function startCounting(folder) {
  const { TypescriptCoverage } = await import('./typescript-coverage.mjs')
  return new TypescriptCoverage(folder)
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
