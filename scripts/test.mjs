// All tests. Ends with a table of what took how long, the failures once more, and one plain line of what ran.
//
//   npm test                      pure tests, tests that watch clocks, C++ tests
//   npm test -- --all             and containers, packages, the offline cluster, sanitizers: what CI runs
//   npm test -- --coverage        and lines and branches, of TypeScript and C++
//   npm test -- test/api …        TypeScript tests in files whose path contains one of these
import { parseArgs } from 'node:util'
import { setup } from './setup.mjs'
import { startCppBuild, testCpp, testCppFlavours } from './test-cpp.mjs'
import { endCounting, startCounting, testTypescript } from './test-typescript.mjs'

function options() {
  try {
    const { values, positionals } = parseArgs({
      options: { all: { type: 'boolean', default: false }, coverage: { type: 'boolean', default: false } },
      allowPositionals: true,
    })
    return { ...values, filters: positionals }
  } catch (error) {
    console.error(`test: ${error.message}\nusage: npm test -- [--all] [--coverage] [FILE…]`)
    process.exit(2)
  }
}

const { all, coverage, filters } = options()
const building = filters.length === 0 ? startCppBuild() : undefined
let parts
try {
  parts = await setup()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
const results = []
const counting = coverage ? await startCounting() : undefined
if (filters.length > 0) {
  results.push(await testTypescript({ projects: ['pure', 'clocks', 'shipped', 'machine'], counting, filters }))
} else {
  const watching = testTypescript({ projects: ['clocks', ...(all ? ['machine'] : [])], counting })
  // Tests that watch clocks wait most of the time, and must pass beside busy neighbours. So what needs the CPU runs
  // beside them, one after the other.
  const busy = testTypescript({ projects: ['pure', ...(all ? ['shipped'] : [])], counting })
  const cpp = busy.then(() => testCpp(building))
  const flavours = cpp.then(() => testCppFlavours({ all, coverage }))
  results.push(...(await Promise.all([busy, watching, cpp, flavours])).flat())
  if (!all) console.error('\ntest: LEFT OUT containers, packages, sanitizers, the offline cluster: npm test -- --all')
  console.error('\ntest: SKIPPED the tests on a real cluster: KUBECONFIG=… npm run test:cluster (docs/operations.md)\n')
  results.push({ passed: 0, failed: 0, skipped: 1 })
}
if (counting !== undefined) results.push(await endCounting(counting, { isBarred: all && filters.length === 0 }))

const allParts = [...parts, ...results.flatMap(({ parts = [] }) => parts)]
console.log('\npart                        s')
for (const { name, ms } of [...allParts, { name: 'total', ms: performance.now() }]) {
  console.log(`${name.padEnd(22)} ${(ms / 1000).toFixed(1).padStart(6)}`)
}
for (const line of results.flatMap(({ coverage = [] }) => coverage)) console.log(line)
for (const failure of results.flatMap(({ failures = [] }) => failures)) {
  console.log(`\nFAILED ${failure.split('\n').slice(0, 12).join('\n  ')}`)
}
const sum = (key) => results.reduce((total, result) => total + result[key], 0)
console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
process.exit(sum('failed') === 0 ? 0 : 1)
