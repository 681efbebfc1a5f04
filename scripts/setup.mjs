// Makes a fresh clone ready: dependencies, native build, TypeScript. Each step only if its inputs are newer than what
// it made, so that `npm test` and `npm run demo` are all a newcomer types, and cost nothing the second time.
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './run.mjs'
import { isStale as isOlderThan } from './stale.mjs'

const root = join(import.meta.dirname, '..')
const inRoot = (...path) => join(root, ...path)

/** A registry that answers slowly can take minutes; one that never answers must not take for ever. */
const dependenciesLimitMs = Number(process.env.SHM_LIVENESS_SETUP_LIMIT_S || 300) * 1000

const isStale = (made, inputs) =>
  isOlderThan(
    made,
    inputs.map((input) => inRoot(input)),
  )

/** "130 of 242 packages": npm itself prints nothing before its end. */
function packagesSoFar() {
  const { packages } = JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8'))
  const paths = Object.keys(packages).filter((path) => path !== '')
  const there = paths.filter((path) => existsSync(inRoot(path, 'package.json')))
  return `${there.length} of up to ${paths.length} packages` // optional ones are for other platforms
}

async function installDependencies() {
  if (!isStale(inRoot('node_modules/.package-lock.json'), ['package-lock.json'])) return undefined
  return run('dependencies (npm ci)', ['npm', 'ci', '--no-audit', '--no-fund'], {
    howFar: packagesSoFar,
    limitMs: dependenciesLimitMs,
    advice:
      'See whether the registry answers: npm ping; npm config get registry. Behind a slow one, raise the limit: ' +
      'SHM_LIVENESS_SETUP_LIMIT_S=1800 npm test',
  })
}

const nativeInputs = ['binding.gyp', 'native', 'probe', 'package.json']
const nativeOutputs = ['shm_liveness.node', 'shm-probe', 'shm-guard'].map((name) => inRoot('build/Release', name))

async function buildNative() {
  if (!nativeOutputs.some((made) => isStale(made, nativeInputs))) return undefined
  const tookMs = await run('addon and programs (node-gyp)', ['npm', 'run', '--silent', 'build:native'], {
    env: { JOBS: 'max' },
    advice: 'It needs python3, make and g++ 12 or later (Debian: apt-get install python3 make g++).',
  })
  // make goes by its own dependencies and may find nothing to do; our stamp says that it has looked.
  const now = new Date()
  for (const made of nativeOutputs) utimesSync(made, now, now)
  return tookMs
}

const typescriptInputs = [
  'lib',
  'examples',
  'test/fixtures',
  'test/cluster/support',
  'test/fakes',
  'test/support',
  'bench',
  'tsconfig.json',
  'tsconfig.build.json',
  'tsconfig.programs.json',
]

async function compileTypescript() {
  const stamp = inRoot('dist-programs/.built')
  if (!isStale(stamp, typescriptInputs)) return undefined
  const tookMs = await run('TypeScript (tsc)', ['npm', 'run', '--silent', 'build:ts'])
  writeFileSync(stamp, '')
  return tookMs
}

/**
 * @returns {Promise<{ name: string, ms: number }[]>} the parts that had something to do
 * @throws {Error} that says what to do
 */
export async function setup() {
  process.chdir(root)
  const dependencies = await installDependencies()
  const began = performance.now()
  const built = await Promise.all([buildNative(), compileTypescript()])
  return [
    { name: 'dependencies', ms: dependencies ?? 0 },
    { name: 'build', ms: built.every((ms) => ms === undefined) ? 0 : performance.now() - began },
  ]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setup()
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
