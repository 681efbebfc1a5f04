// All tests, one after the other: TypeScript's, then C++'s if the machine has cmake and doctest. Ends with one plain
// line of what ran.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

process.chdir(join(import.meta.dirname, '..'))
const report = join(tmpdir(), `shm-liveness-tests-${process.pid}.json`)
const filters = process.argv.slice(2)
// How often a test that failed is tried again; the reporter says which were.
const retries = Number(process.env.SHM_LIVENESS_TEST_RETRIES ?? 0)

function run(command, args) {
  const done = spawnSync(command, args, { stdio: 'inherit' })
  if (done.error) console.error(`test: ${command}: ${done.error.message}`)
  return done.status ?? 1
}

function vitest() {
  const status = run('vitest', [
    'run',
    '--reporter=default',
    '--reporter=json',
    '--reporter=./scripts/retried-reporter.mjs',
    `--retry=${retries}`,
    `--outputFile.json=${report}`,
    ...filters,
  ])
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTotalTests, success, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    )
    const failed = numFailedTests || (success && numTotalTests > 0 && status === 0 ? 0 : 1)
    return { passed: numPassedTests, failed, skipped: numPendingTests, failures: failuresOf(testResults) }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 } // vitest did not come to its end
  } finally {
    rmSync(report, { force: true })
  }
}

// Which tests failed and with what, told again at the end: of a long run often only the end is kept.
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

// The C++ tests in one flavour; each ctest entry counts as a test.
function cpp(flavour, sanitizer) {
  const build = `build-cmake-${flavour}`
  const configured =
    run('cmake', [
      '-S',
      '.',
      '-B',
      build,
      `-DSHM_LIVENESS_SANITIZE=${sanitizer}`,
      '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
      '-Wno-dev',
    ]) === 0
  if (!configured || run('cmake', ['--build', build, '-j2']) !== 0) return { passed: 0, failed: 1, skipped: 0 }
  const ctest = spawnSync(
    'ctest',
    ['--test-dir', build, '--output-on-failure', '--repeat', `until-pass:${retries + 1}`],
    { encoding: 'utf8' },
  )
  console.log(ctest.stdout, ctest.stderr)
  const summary = /(\d+)% tests passed, (\d+) tests failed out of (\d+)/.exec(ctest.stdout)
  if (summary === null) return { passed: 0, failed: 1, skipped: 0 }
  const failed = Number(summary[2])
  const names = [...ctest.stdout.matchAll(/^\s*\d+ - (\S+) \((.*)\)$/gm)].map(
    ([, name, how]) => `${flavour}: ${name}: ${how}`,
  )
  return { passed: Number(summary[3]) - failed, failed, skipped: 0, failures: names }
}

function hasCppTools() {
  const cmake = spawnSync('cmake', ['--version']).status === 0
  const doctest =
    spawnSync('g++', ['-x', 'c++', '-fsyntax-only', '-'], { input: '#include <doctest/doctest.h>' }).status === 0
  if (cmake && doctest) return true
  console.error(
    '\ntest: SKIPPED the C++ tests: they need cmake and doctest (Debian: apt-get install cmake doctest-dev)\n',
  )
  return false
}

const results = [vitest()]
if (filters.length === 0) {
  if (hasCppTools()) {
    results.push(cpp('plain', 'OFF'), cpp('sanitized', 'address-undefined'), cpp('threads', 'thread'))
  } else {
    results.push({ passed: 0, failed: 0, skipped: 1 })
  }
}
if (filters.length === 0) {
  console.error('\ntest: SKIPPED the tests on a real cluster: KUBECONFIG=… npm run test:cluster (docs/operations.md)\n')
  results.push({ passed: 0, failed: 0, skipped: 1 })
}
for (const failure of results.flatMap(({ failures = [] }) => failures)) {
  console.log(`\nFAILED ${failure.split('\n').slice(0, 12).join('\n  ')}`)
}
const sum = (key) => results.reduce((total, result) => total + result[key], 0)
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
process.exit(sum('failed') === 0 ? 0 : 1)
