/** What `npm run prebuilds` makes of the sources as they are, for all architectures whose compilers are here. */
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** How Debian's compilers and libraries for it are called. */
export const gnuNames = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }
export type Architecture = keyof typeof gnuNames
export const architectures = Object.keys(gnuNames) as Architecture[]

export const isInstalled = (program: string): boolean => spawnSync(program, ['--version']).error === undefined

const isBuildable = (arch: Architecture): boolean => arch === process.arch || isInstalled(`${gnuNames[arch]}-g++`)

export const built = architectures.filter(isBuildable)
for (const arch of architectures.filter((arch) => !isBuildable(arch))) {
  console.error(
    `\nSKIPPED the tests of packages for ${arch}: they need ${gnuNames[arch]}-g++ (Debian: g++-${gnuNames[arch]})\n`,
  )
}

export const prebuildsFolder = (arch: Architecture): string => join(root, 'prebuilds', `linux-${arch}`)

/** The first call after a change of the sources takes a minute for each architecture, all others a moment. */
export function makePrebuilds(): void {
  execFileSync('npm', ['run', 'prebuilds'], { cwd: root, stdio: 'pipe', maxBuffer: 64 << 20 })
}
/** For `beforeAll`. */
export const prebuildsLimitMs = 900_000

const emulators: Record<Architecture, string> = { x64: 'qemu-x86_64', arm64: 'qemu-aarch64' }

/** How programs of an architecture are run here; undefined: they cannot be. */
export function runner(arch: Architecture): string[] | undefined {
  if (arch === process.arch) return []
  return isInstalled(emulators[arch]) ? [emulators[arch]] : undefined
}
for (const arch of built.filter((arch) => runner(arch) === undefined)) {
  console.error(`\nSKIPPED running programs for ${arch}: that needs ${emulators[arch]} (Debian: qemu-user)\n`)
}

/** Runs a program of the prebuilds. */
export function runPrebuilt(arch: Architecture, name: string, args: string[]) {
  const [program, ...all] = [...(runner(arch) ?? []), join(prebuildsFolder(arch), name), ...args]
  return spawnSync(program as string, all, { encoding: 'utf8', env: {} })
}

/** The dynamic symbols that a file needs, without their versions. */
export function importsOf(file: string): { name: string; isWeak: boolean }[] {
  const lines = execFileSync('nm', ['--dynamic', '--undefined-only', file], { encoding: 'utf8' }).trimEnd().split('\n')
  return lines.map((line) => {
    const [kind = '', name = ''] = line.trim().split(/\s+/)
    return { name: name.replace(/@.*/, ''), isWeak: kind === 'w' }
  })
}
