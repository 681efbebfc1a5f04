// The C++ tests, by CMake and ctest, in one build for each flavour.
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const jobs = String(availableParallelism())

/** @returns a result for each flavour: what ran, how long, which tests failed and how */
export function testCpp({ all, coverage }) {
  if (!hasTools()) {
    console.error(
      '\ntest: SKIPPED the C++ tests: they need cmake and doctest (Debian: apt-get install cmake doctest-dev)\n',
    )
    return [{ passed: 0, failed: 0, skipped: 1 }]
  }
  const results = [testFlavour('plain', ['-DSHM_LIVENESS_SANITIZE=OFF'])]
  if (all) {
    results.push(testFlavour('sanitized', ['-DSHM_LIVENESS_SANITIZE=address-undefined']))
    results.push(testFlavour('threads', ['-DSHM_LIVENESS_SANITIZE=thread']))
  }
  if (coverage) {
    const covered = testFlavour('coverage', ['-DSHM_LIVENESS_SANITIZE=OFF', '-DSHM_LIVENESS_COVERAGE=ON'])
    results.push({ ...covered, coverage: [coverageLine()] })
  }
  return results
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
  if (error) console.error(`test: ${command}: ${error.message}`)
  return status === 0
}

// Each ctest entry counts as a test.
function testFlavour(flavour, options) {
  const began = performance.now()
  const build = `build-cmake-${flavour}`
  const isBuilt =
    run('cmake', ['-S', '.', '-B', build, ...options, '-Wno-dev']) && run('cmake', ['--build', build, '-j', jobs])
  const builtMs = performance.now() - began
  const parts = [{ name: `C++ build: ${flavour}`, ms: builtMs }]
  if (!isBuilt) return { passed: 0, failed: 1, skipped: 0, parts, failures: [`C++ ${flavour}: the build failed`] }
  const { stdout, stderr } = spawnSync('ctest', ['--test-dir', build, '--output-on-failure'], { encoding: 'utf8' })
  console.log(stdout, stderr)
  parts.push({ name: `C++ tests: ${flavour}`, ms: performance.now() - began - builtMs })
  const summary = /(\d+)% tests passed, (\d+) tests failed out of (\d+)/.exec(stdout)
  if (summary === null)
    return { passed: 0, failed: 1, skipped: 0, parts, failures: [`C++ ${flavour}: ctest did not end`] }
  const failed = Number(summary[2])
  const failures = [...stdout.matchAll(/^\s*\d+ - (\S+) \((.*)\)$/gm)].map(
    ([, name, how]) => `${flavour}: ${name}: ${how}`,
  )
  return { passed: Number(summary[3]) - failed, failed, skipped: 0, parts, failures }
}

function coverageLine() {
  const args = ['--root', '.', '--filter', 'native/shm_liveness/', '--filter', 'probe/', '--exclude-throw-branches']
  const { status, stdout, stderr, error } = spawnSync(
    'gcovr',
    [...args, '--json-summary', '--output', '-', 'build-cmake-coverage'],
    { encoding: 'utf8' },
  )
  if (status !== 0)
    return `coverage of C++: SKIPPED, it needs gcovr (Debian: apt-get install gcovr): ${error?.message ?? stderr}`
  const { line_covered, line_total, line_percent, branch_covered, branch_total, branch_percent } = JSON.parse(stdout)
  const part = (percent, covered, total) => `${percent} % (${covered} of ${total})`
  return (
    `coverage of C++: lines ${part(line_percent, line_covered, line_total)}, ` +
    `branches ${part(branch_percent, branch_covered, branch_total)}`
  )
}

function hasTools() {
  const cmake = spawnSync('cmake', ['--version']).status === 0
  const doctest =
    spawnSync('g++', ['-x', 'c++', '-fsyntax-only', '-'], { input: '#include <doctest/doctest.h>' }).status === 0
  return cmake && doctest
}
