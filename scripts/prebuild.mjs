// Fills prebuilds/linux-<arch>/ with all that an installed package needs instead of a compiler: the addon (prebuildify)
// and the executables beside it, which prebuildify does not know. One addon serves glibc and musl (native/addon/at_fork.cc);
// the executables need no libc at all.
//
//   npm run prebuilds            every architecture whose compiler is here; says which ones are left out
//   npm run prebuilds -- --all   every architecture; a missing compiler is an error
//   npm run prebuilds -- arm64   one
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isStale } from './stale.mjs'

const root = join(import.meta.dirname, '..')
const executables = ['shm-probe', 'shm-guard']
const sources = ['binding.gyp', 'package.json', 'native', 'probe']
/** By the names of Node.js: how Debian's compilers for them are called. */
const gnuNames = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }
const architectures = Object.keys(gnuNames)

const folderOf = (arch) => join(root, 'prebuilds', `linux-${arch}`)

function toolsFor(arch) {
  const prefix = arch === process.arch ? '' : `${gnuNames[arch]}-`
  return { CC: `${prefix}gcc`, CXX: `${prefix}g++`, PREBUILD_STRIP_BIN: `${prefix}strip` }
}

const hasCompiler = (arch) => spawnSync(toolsFor(arch).CXX, ['--version']).status === 0
const missing = (arch) =>
  `linux-${arch} needs the compiler ${toolsFor(arch).CXX} (Debian: apt-get install g++-${gnuNames[arch].replace('_', '-')})`

function isFresh(arch) {
  const inputs = [...sources, 'scripts/prebuild.mjs'].map((input) => join(root, input))
  return ['shm-liveness.node', ...executables].every((name) => !isStale(join(folderOf(arch), name), inputs))
}

function build(arch) {
  // In a copy, because prebuildify takes the addon out of build/ under the feet of whoever uses it.
  const copy = mkdtempSync(join(tmpdir(), 'shm-liveness-prebuild-'))
  try {
    for (const input of sources) cpSync(join(root, input), join(copy, input), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    // What an earlier version left there would be packed, too.
    rmSync(folderOf(arch), { recursive: true, force: true })
    // One build serves all Node versions (Node-API), so it is this one's headers that are used, and nothing is downloaded.
    const options = ['--napi', '--strip', `--arch=${arch}`, `--target=${process.versions.node}`, `--out=${root}`]
    const env = { JOBS: 'max', ...process.env, ...toolsFor(arch) }
    const built = spawnSync('prebuildify', options, { cwd: copy, stdio: 'inherit', env })
    if (built.status !== 0) throw built.error ?? new Error(`prebuildify failed for linux-${arch}`)
    mkdirSync(folderOf(arch), { recursive: true })
    for (const name of executables) {
      copyFileSync(join(copy, 'build/Release', name), join(folderOf(arch), name))
      chmodSync(join(folderOf(arch), name), 0o755) // npm packs the mode the file has, whatever the umask was
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function stop(message, status) {
  console.error(`prebuild: ${message}`)
  process.exit(status)
}

const [asked, ...more] = process.argv.slice(2)
const isKnown = asked === undefined || asked === '--all' || architectures.includes(asked)
if (!isKnown || more.length > 0) stop(`usage: npm run prebuilds -- [--all | ${architectures.join(' | ')}]`, 2)
if (process.platform !== 'linux') stop(`the package is built on Linux; this is ${process.platform}`, 3)
const wanted = architectures.filter((arch) => asked === undefined || asked === '--all' || asked === arch)
const withoutCompiler = wanted.filter((arch) => !isFresh(arch) && !hasCompiler(arch))
if (asked !== undefined && withoutCompiler.length > 0) stop(withoutCompiler.map(missing).join('; '), 3)
for (const arch of wanted.filter((arch) => !withoutCompiler.includes(arch) && !isFresh(arch))) {
  try {
    build(arch)
  } catch (error) {
    stop(error.message, 1)
  }
}
for (const arch of withoutCompiler) console.error(`prebuild: LEFT OUT ${missing(arch)}`)
