// Fills prebuilds/<platform>-<arch>/ with all that an installed package needs instead of a compiler: the addon
// (prebuildify) and the executables beside it, which prebuildify does not know.
//
//   npm run prebuild            for this machine
//   npm run prebuild -- arm64   with Debian's cross compiler (g++-aarch64-linux-gnu); likewise x64 on arm64
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const executables = ['shm-probe', 'shm-guard']
const prefixes = { x64: 'x86_64-linux-gnu-', arm64: 'aarch64-linux-gnu-' }

const arch = process.argv[2] ?? process.arch
if (!Object.hasOwn(prefixes, arch)) {
  console.error(`prebuild: ${arch} is none of ${Object.keys(prefixes).join(', ')}`)
  process.exit(2)
}
const prefix = arch === process.arch ? '' : prefixes[arch]
const tools = { CC: `${prefix}gcc`, CXX: `${prefix}g++`, PREBUILD_STRIP_BIN: `${prefix}strip` }

// In a copy, because prebuildify takes the addon out of build/ under the feet of whoever uses it.
const copy = mkdtempSync(join(tmpdir(), 'shm-liveness-prebuild-'))
try {
  for (const input of ['binding.gyp', 'package.json', 'native', 'probe']) {
    cpSync(join(root, input), join(copy, input), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  // One build serves all Node versions (Node-API), so it is this one's headers that are used, and nothing is downloaded.
  const options = [
    '--napi',
    '--strip',
    '--tag-libc',
    `--arch=${arch}`,
    `--target=${process.versions.node}`,
    `--out=${root}`,
  ]
  const built = spawnSync('prebuildify', options, { cwd: copy, stdio: 'inherit', env: { ...process.env, ...tools } })
  if (built.status !== 0) {
    console.error(built.error ?? 'prebuild: prebuildify failed')
    process.exitCode = 1
  } else {
    const target = join(root, 'prebuilds', `${process.platform}-${arch}`)
    mkdirSync(target, { recursive: true })
    for (const name of executables) {
      copyFileSync(join(copy, 'build/Release', name), join(target, name))
      chmodSync(join(target, name), 0o755) // npm packs the mode the file has, whatever the umask was
    }
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
