/**
 * The addon is built against glibc, and Alpine loads it by musl. Debian has musl, but no Node.js for it: a small host that
 * is linked against musl loads the addon as Node.js does (test/fixtures/musl).
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  built,
  importsOf,
  isInstalled,
  makePrebuilds,
  prebuildsFolder,
  prebuildsLimitMs,
} from '../support/prebuilds.js'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'

const fixtures = join(import.meta.dirname, '../fixtures/musl')
const scratch = mkdtempSync(join(tmpdir(), 'shm-liveness-musl-'))
const own = process.arch as 'x64' | 'arm64'
const musl = `/usr/lib/${own === 'x64' ? 'x86_64' : 'aarch64'}-linux-musl/libc.so`
const isMuslHere = existsSync(musl) && isInstalled('musl-gcc')
if (!isMuslHere) console.error('\nSKIPPED the tests of musl: they need musl-gcc (Debian: apt-get install musl-tools)\n')

const addonFor = (arch: 'x64' | 'arm64') => join(prebuildsFolder(arch), 'shm-liveness.node')

beforeAll(makePrebuilds, prebuildsLimitMs)
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function exportsOf(library: string): Set<string> {
  const text = execFileSync('nm', ['--dynamic', '--defined-only', library], { encoding: 'utf8' })
  return new Set(text.split('\n').map((line) => line.split(' ').at(-1)!.replace(/@.*/, '')))
}

/** Node.js exports the first two, and needs libstdc++ and libgcc_s itself. */
const ofOthers = /^(napi_|uv_|_Z|__cxa_|__gxx_|_Unwind_)/

describe.skipIf(!isMuslHere).each(built)('the addon for %s', (arch) => {
  it('imports nothing that musl has not, but weakly', () => {
    // For another architecture by the names of this one's musl: those that the addon needs are the same.
    const ofMusl = exportsOf(musl)
    const imports = importsOf(addonFor(arch))
    expect(imports.filter(({ name }) => ofMusl.has(name)).length).toBeGreaterThan(15)
    const missing = imports.filter(({ name }) => !ofMusl.has(name) && (!ofOthers.test(name) || /atexit/.test(name)))
    expect(missing.filter(({ isWeak }) => !isWeak)).toEqual([])
    expect(missing.map(({ name }) => name)).toContain('__register_atfork')
  })

  it('needs the libraries that musl or a Node.js for it has', () => {
    const text = execFileSync('readelf', ['--dynamic', '--wide', addonFor(arch)], { encoding: 'utf8' })
    const needed = [...text.matchAll(/NEEDED.*\[(.*)\]/g)].map(([, name]) => name)
    // musl takes libc.so.6 for itself.
    expect(needed.sort()).toEqual(['libc.so.6', 'libgcc_s.so.1', 'libstdc++.so.6'])
  })
})

function muslGcc(...args: string[]): void {
  const done = spawnSync('musl-gcc', args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(done.stderr)
}

describe.skipIf(!isMuslHere)('the addon in a program on musl', () => {
  beforeAll(() => {
    const source = (name: string) => join(fixtures, name)
    writeFileSync(join(scratch, 'empty.c'), '')
    muslGcc('-shared', '-fPIC', '-o', join(scratch, 'libstdc++.so.6'), source('cxx_runtime.c'))
    muslGcc('-shared', '-o', join(scratch, 'libgcc_s.so.1'), join(scratch, 'empty.c'))
    muslGcc('-rdynamic', '-o', join(scratch, 'host'), source('host.c'), source('node_api.c'))
    copyFileSync(addonFor(own), join(scratch, 'shm-liveness.node'))
  })

  it('claims and beats; a forked child beats for nobody, and keeps no dead parent alive', async () => {
    const region = uniqueRegion()
    const host = spawn(join(scratch, 'host'), [join(scratch, 'shm-liveness.node'), region, '/dev/shm'], {
      env: { LD_LIBRARY_PATH: scratch },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines: string[] = []
    createInterface(host.stdout).on('line', (line) => lines.push(line))
    const ended = once(host, 'exit')
    let child = 0
    try {
      await until('both processes have beaten', () => lines.length === 3 || host.exitCode !== null)
      child = Number(lines.find((line) => line.startsWith('forked '))?.slice('forked '.length))
      expect(lines.sort()).toEqual(['child does not stamp', `forked ${child}`, 'parent stamps'])
      expect(await probe(['--region', region])).toMatchObject({ code: 0 })
      host.kill('SIGKILL')
      await ended
      const dead = await probe(['--region', region])
      expect(dead.stdout).toMatch(/^dead: grabber died without stop\(\)/)
      expect(process.kill(child, 0)).toBe(true)
    } finally {
      host.kill('SIGKILL')
      if (child > 0) process.kill(child, 'SIGKILL')
    }
  })
})
