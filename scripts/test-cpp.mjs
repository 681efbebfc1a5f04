// The C++ tests, by CMake and ctest, in one build for each flavour.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'

const jobs = String(availableParallelism())

const optionsOf = {
  plain: ['-DSHM_LIVENESS_SANITIZE=OFF'],
  sanitized: ['-DSHM_LIVENESS_SANITIZE=address-undefined'],
  threads: ['-DSHM_LIVENESS_SANITIZE=thread'],
  coverage: ['-DSHM_LIVENESS_SANITIZE=OFF', '-DSHM_LIVENESS_COVERAGE=ON'],
}

/**
 * Builds the tests without sanitizers. They need nothing of the package: that goes on while it is set up.
 *
 * @returns {Promise<object> | undefined} the build, for `testCpp`; undefined where the tools are missing
 */
export function startCppBuild() {
  return hasTools() ? build('plain') : undefined
}

/**
 * @param {object | undefined} building of `startCppBuild`
 * @returns {Promise<object>} what ran, how long, which tests failed and how
 */
export async function testCpp(building) {
  if (building !== undefined) return testFlavour(await building)
  console.error(
    '\ntest: SKIPPED the C++ tests: they need cmake and doctest (Debian: apt-get install cmake doctest-dev)\n',
  )
  return { passed: 0, failed: 0, skipped: 1 }
}

/** @returns {Promise<object[]>} a result, as of `testCpp`, for each flavour: with sanitizers, and for coverage */
export async function testCppFlavours({ all, coverage }) {
  if (!hasTools()) return []
  const results = []
  for (const flavour of all ? ['sanitized', 'threads'] : []) results.push(await testFlavour(await build(flavour)))
  if (coverage) results.push({ ...(await testFlavour(await build('coverage'))), coverage: [coverageLine()] })
  return results
}

async function build(flavour) {
  const began = performance.now()
  const folder = folderOf(flavour)
  let output = ''
  const run = async (program, ...args) => {
    const { status, stdout, stderr } = await outputOf(program, args)
    output += stdout + stderr
    return status === 0
  }
  const isBuilt =
    (await run('cmake', '-S', '.', '-B', folder, ...optionsOf[flavour], '-Wno-dev')) &&
    (await run('cmake', '--build', folder, '-j', jobs))
  return { flavour, isBuilt, output, ms: performance.now() - began }
}

async function outputOf(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) child[name].on('data', (data) => (output[name] += data))
  const [status] = await once(child, 'close')
  return { status, ...output }
}

// Each ctest entry counts as a test.
async function testFlavour({ flavour, isBuilt, output, ms }) {
  console.log(output)
  const parts = [{ name: `C++ build: ${flavour}`, ms }]
  if (!isBuilt) return { passed: 0, failed: 1, skipped: 0, parts, failures: [`C++ ${flavour}: the build failed`] }
  const began = performance.now()
  const flags = ['--output-on-failure', '--parallel', jobs]
  const { stdout, stderr } = await outputOf('ctest', ['--test-dir', folderOf(flavour), ...flags])
  console.log(stdout, stderr)
  parts.push({ name: `C++ tests: ${flavour}`, ms: performance.now() - began })
  const summary = /(\d+)% tests passed, (\d+) tests failed out of (\d+)/.exec(stdout)
  if (summary === null)
    return { passed: 0, failed: 1, skipped: 0, parts, failures: [`C++ ${flavour}: ctest did not end`] }
  const failed = Number(summary[2])
  const failures = [...stdout.matchAll(/^\s*\d+ - (\S+) \((.*)\)$/gm)].map(
    ([, name, how]) => `${flavour}: ${name}: ${how}`,
  )
  return { passed: Number(summary[3]) - failed, failed, skipped: 0, parts, failures }
}

const folderOf = (flavour) => `build-cmake-${flavour}`

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
