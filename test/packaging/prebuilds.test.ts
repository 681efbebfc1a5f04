import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { built, makePrebuilds, prebuildsFolder, prebuildsLimitMs, runner, runPrebuilt } from '../support/prebuilds.js'

const root = join(import.meta.dirname, '../..')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const programs = ['shm-guard', 'shm-probe']

beforeAll(makePrebuilds, prebuildsLimitMs)

describe.each(built)('what npm run prebuilds makes for %s', (arch) => {
  const folder = prebuildsFolder(arch)
  const readelf = (name: string, ...flags: string[]) =>
    execFileSync('readelf', ['--wide', ...flags, join(folder, name)], { encoding: 'utf8' })

  it('is the addon and the programs, and nothing else', () => {
    expect(readdirSync(folder).sort()).toEqual(['shm-guard', 'shm-liveness.node', 'shm-probe'])
    for (const name of programs) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o755)
    for (const name of readdirSync(folder)) {
      expect(readelf(name, '--file-header')).toMatch(arch === 'x64' ? /Machine:.*X86-64/ : /Machine:.*AArch64/)
    }
  })

  it('are programs that need no libc, and an addon that needs none younger than glibc 2.17', () => {
    for (const name of programs) expect(readelf(name, '--program-headers')).not.toMatch(/INTERP|DYNAMIC/)
    const versions = readelf('shm-liveness.node', '--version-info')
    const youngest = (library: string) => {
      const found = [...versions.matchAll(new RegExp(`\\b${library}_(\\d+)\\.(\\d+)(?:\\.(\\d+))?`, 'g'))]
      return Math.max(...found.map(([, major, minor, patch]) => +major! * 1e6 + +minor! * 1e3 + +(patch ?? 0)))
    }
    expect(youngest('GLIBC')).toBeLessThanOrEqual(2_017_000)
    // libstdc++ of GCC 5, which is younger than any that Node.js 20 runs on.
    expect(youngest('GLIBCXX')).toBeLessThanOrEqual(3_004_021)
    expect(youngest('CXXABI')).toBeLessThanOrEqual(1_003_009)
  })

  it.skipIf(runner(arch) === undefined)('are programs that run, of this version', () => {
    const run = (name: string, ...args: string[]) => runPrebuilt(arch, name, args)
    for (const name of programs) expect(run(name, '--version').stdout).toBe(`${name} ${version} (layout 2)\n`)
    expect(run('shm-probe', '--self-test')).toMatchObject({ status: 0 })
    expect(run('shm-probe', '--region', 'no-such-region')).toMatchObject({ status: 1 })
    expect(run('shm-guard', '--', 'sh', '-c', 'exit 7')).toMatchObject({ status: 7 })
  })
})

it('makes an addon that this Node.js loads', () => {
  const addon = createRequire(import.meta.url)(join(prebuildsFolder(process.arch as 'x64'), 'shm-liveness.node'))
  expect(addon.faultCodes()).toContain('REGION_MISSING')
})

describe('npm run prebuilds without a compiler', () => {
  const tree = mkdtempSync(join(tmpdir(), 'shm-liveness-prebuilds-'))
  afterAll(() => rmSync(tree, { recursive: true, force: true }))
  for (const input of ['package.json', 'scripts']) cpSync(join(root, input), join(tree, input), { recursive: true })
  const path = join(tree, 'bin')
  mkdirSync(path)
  symlinkSync(process.execPath, join(path, 'node'))
  const prebuild = (...args: string[]) =>
    spawnSync(process.execPath, ['scripts/prebuild.mjs', ...args], { cwd: tree, encoding: 'utf8', env: { PATH: path } })

  it('says what it leaves out, and what to install', () => {
    const { status, stderr } = prebuild()
    expect(status).toBe(0)
    expect(stderr).toMatch(
      /^prebuild: LEFT OUT linux-x64 needs the compiler \S*g\+\+ \(Debian: apt-get install g\+\+-x86-64-linux-gnu\)$/m,
    )
    expect(stderr).toMatch(
      /^prebuild: LEFT OUT linux-arm64 needs the compiler \S*g\+\+ \(Debian: apt-get install g\+\+-aarch64-linux-gnu\)$/m,
    )
    expect(existsSync(join(tree, 'prebuilds'))).toBe(false)
  })

  it('fails with --all and for an architecture that is named', () => {
    expect(prebuild('--all')).toMatchObject({ status: 3, stderr: expect.stringContaining('linux-arm64 needs') })
    expect(prebuild('arm64')).toMatchObject({ status: 3 })
    expect(prebuild('riscv64')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('usage: npm run prebuilds'),
    })
  })
})
