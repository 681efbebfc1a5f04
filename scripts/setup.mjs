// Makes a fresh clone ready: dependencies, native build, TypeScript. Each step only if its inputs are newer than what
// it made, so that `npm test` and `npm run demo` are all a newcomer types, and cost nothing the second time.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

process.chdir(join(import.meta.dirname, '..'))

function run(what, command, args) {
  console.error(`setup: ${what}`)
  const done = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', maxBuffer: 1 << 26 })
  if (done.status === 0) return
  console.error(done.error ?? `${done.stdout}\n${done.stderr}`)
  console.error(`setup: failed: ${[command, ...args].join(' ')}`)
  process.exit(1)
}

function newest(path) {
  if (!existsSync(path)) return 0
  const status = statSync(path)
  if (!status.isDirectory()) return status.mtimeMs
  return Math.max(status.mtimeMs, ...readdirSync(path).map((entry) => newest(join(path, entry))))
}

function isStale(made, inputs) {
  return !existsSync(made) || statSync(made).mtimeMs < Math.max(...inputs.map(newest))
}

if (isStale('node_modules/.package-lock.json', ['package-lock.json'])) {
  run('installing dependencies (npm ci)', 'npm', ['ci', '--no-audit', '--no-fund'])
}
const nativeInputs = ['binding.gyp', 'native', 'probe', 'package.json']
const nativeOutputs = ['shm_liveness.node', 'shm-probe', 'shm-guard'].map((name) => join('build/Release', name))
if (nativeOutputs.some((made) => isStale(made, nativeInputs))) {
  run('building the addon and the programs (node-gyp)', 'npm', ['run', '--silent', 'build:native'])
  // make goes by its own dependencies and may find nothing to do; our stamp is that it has looked.
  run('stamping', 'touch', nativeOutputs)
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
if (isStale('dist-programs/.built', typescriptInputs)) {
  run('compiling TypeScript (tsc)', 'npm', ['run', '--silent', 'build:ts'])
  run('stamping', 'touch', ['dist-programs/.built'])
}
