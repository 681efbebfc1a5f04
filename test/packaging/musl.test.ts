/**
 * The addon is built against glibc, and Alpine loads it by musl. Debian has musl, but no Node.js for it: a small host that
 * is linked against musl loads the addon as Node.js does (test/fixtures/musl). The same host on glibc shows that a fork
 * there is the same: Node.js itself only forks to exec at once.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Architecture,
  built,
  gnuNames,
  importsOf,
  makePrebuilds,
  prebuildsFolder,
  prebuildsLimitMs,
  runner,
  runPrebuilt,
} from '../support/prebuilds.js'
import { uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'

const scratch = mkdtempSync(join(tmpdir(), 'shm-liveness-musl-'))
const muslFolder = (arch: Architecture) => `/usr/lib/${gnuNames[arch].replace('gnu', 'musl')}`
const specs = (arch: Architecture) => join(muslFolder(arch), 'musl-gcc.specs')
const addonFor = (arch: Architecture) => join(prebuildsFolder(arch), 'shm-liveness.node')

const withMusl = built.filter((arch) => existsSync(specs(arch)))
for (const arch of built.filter((arch) => !withMusl.includes(arch))) {
  const names = arch === process.arch ? 'musl-tools' : `musl-dev:${arch}, after dpkg --add-architecture ${arch}`
  console.error(`\nSKIPPED the tests of musl on ${arch}: they need musl (Debian: apt-get install ${names})\n`)
}

beforeAll(makePrebuilds, prebuildsLimitMs)
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function exportsOf(library: string): Set<string> {
  const text = execFileSync('nm', ['--dynamic', '--defined-only', library], { encoding: 'utf8' })
  return new Set(text.split('\n').map((line) => line.split(' ').at(-1)!.replace(/@.*/, '')))
}

/** Of Node.js, and of libstdc++ and libgcc_s, which it needs itself. */
const ofOthers = /^(napi_|uv_|_Z|__gxx_|_Unwind_|__cxa_(?!atexit|finalize))/

const source = (name: string) => join(import.meta.dirname, '../fixtures/musl', name)
const sources = ['host.c', 'node_api.c'].map(source)

/** Builds the host as musl-gcc does, which is a compiler with other specs. @returns the folder that it is in */
function muslHost(arch: Architecture): string {
  const folder = mkdtempSync(join(scratch, `${arch}-`))
  const gcc = (...args: string[]) =>
    execFileSync(`${gnuNames[arch]}-gcc`, [...args, '-specs', specs(arch)], { cwd: folder, stdio: 'pipe' })
  writeFileSync(join(folder, 'empty.c'), '')
  gcc('-shared', '-fPIC', '-o', 'libstdc++.so.6', source('cxx_runtime.c'))
  gcc('-shared', '-o', 'libgcc_s.so.1', 'empty.c')
  gcc('-rdynamic', '-o', 'host', ...sources)
  return folder
}

function glibcHost(): string {
  const folder = mkdtempSync(join(scratch, 'glibc-'))
  execFileSync('gcc', ['-rdynamic', '-o', join(folder, 'host'), ...sources], { stdio: 'pipe' })
  return folder
}

/** Lets the host in a folder claim, beat and fork; kills it, and not its child. */
async function expectForkGuard(arch: Architecture, folder: string): Promise<void> {
  const region = uniqueRegion()
  // For the host and not for the emulator, whose libraries are this machine's.
  const library = `LD_LIBRARY_PATH=${folder}`
  const emulator = runner(arch)!
  const command = emulator.length > 0 ? [...emulator, '-E', library] : ['env', library]
  const [program, ...args] = [...command, join(folder, 'host'), addonFor(arch), region, '/dev/shm']
  const host = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  createInterface(host.stdout).on('line', (line) => lines.push(line))
  const ended = once(host, 'exit')
  const ask = () => runPrebuilt(arch, 'shm-probe', ['--region', region])
  let child = 0
  try {
    await until('both processes have beaten', () => lines.length === 3 || host.exitCode !== null)
    child = Number(lines.find((line) => line.startsWith('forked '))?.slice('forked '.length))
    expect(lines.sort()).toEqual(['child does not stamp', `forked ${child}`, 'parent stamps'])
    expect(ask()).toMatchObject({ status: 0, stdout: '' })
    const files = readdirSync(`/proc/${child}/fd`).map((fd) => readlinkSync(`/proc/${child}/fd/${fd}`))
    expect(files.length).toBeGreaterThan(0)
    expect(files.filter((file) => file.includes(region))).toEqual([])
    host.kill('SIGKILL')
    await ended
    // qemu ignores MADV_DONTFORK: the child has the mapping, too, and with it the lock.
    if (emulator.length === 0) expect(ask().stdout).toMatch(/^dead: grabber died without stop\(\)/)
    expect(process.kill(child, 0)).toBe(true)
  } finally {
    host.kill('SIGKILL')
    if (child > 0) process.kill(child, 'SIGKILL')
  }
}

describe.each(withMusl)('the addon for %s', (arch) => {
  it('imports nothing that musl has not, but weakly', () => {
    const ofMusl = exportsOf(join(muslFolder(arch), 'libc.so'))
    const imports = importsOf(addonFor(arch)).filter(({ name }) => !ofOthers.test(name))
    expect(imports.filter(({ name }) => ofMusl.has(name)).length).toBeGreaterThan(15)
    const missing = imports.filter(({ name }) => !ofMusl.has(name))
    expect(missing.filter(({ isWeak }) => !isWeak)).toEqual([])
    expect(missing.map(({ name }) => name)).toContain('__register_atfork')
  })

  it('needs the libraries that musl or a Node.js for it has', () => {
    const text = execFileSync('readelf', ['--dynamic', '--wide', addonFor(arch)], { encoding: 'utf8' })
    const needed = [...text.matchAll(/NEEDED.*\[(.*)\]/g)].map(([, name]) => name)
    // musl takes libc.so.6 for itself.
    expect(needed.sort()).toEqual(['libc.so.6', 'libgcc_s.so.1', 'libstdc++.so.6'])
  })

  it.skipIf(runner(arch) === undefined)(
    'claims and beats under musl; a forked child beats for nobody, and keeps no dead parent alive',
    () => expectForkGuard(arch, muslHost(arch)),
  )
})

it('the addon for this machine does the same under glibc', () =>
  expectForkGuard(process.arch as Architecture, glibcHost()))
