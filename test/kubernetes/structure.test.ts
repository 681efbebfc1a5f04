import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const lib = join(root, 'lib')
const files = readdirSync(join(lib, 'kubernetes'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join(lib, 'kubernetes', file))

/** Everything that a file imports, types included: paths from lib, or package names. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const names = [...text.matchAll(/^(?:import|export)\s[^'"]*?from\s+'([^']+)'|\bimport\(\s*'([^']+)'/gm)]
  return names
    .map((match) => (match[1] ?? match[2]) as string)
    .map((name) => (name.startsWith('.') ? relative(lib, join(file, '..', name)) : name))
}

const scratch = mkdtempSync(join(tmpdir(), 'shm-liveness-bare-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** A copy of the package as it is installed, but without addon and executables, and with these dependencies alone. */
function installed(name: string, ...dependencies: string[]): string {
  const folder = join(scratch, name)
  const packages = dependencies.map((dependency) => `node_modules/${dependency}`)
  for (const path of ['dist', 'package.json', ...packages]) {
    cpSync(join(root, path), join(folder, path), { recursive: true })
  }
  return folder
}

const manifest = 'kind: Pod\nspec: {containers: [{name: a, env: [{name: SHM_LIVENESS_REGION, value: a}]}]}'
function node(folder: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: {}, input: manifest })
}

describe('lib/kubernetes', () => {
  it('imports nothing but itself, duration and errors', () => {
    const outside = files.flatMap((file) => importsOf(file)).filter((name) => !name.startsWith('kubernetes/'))
    expect(new Set(outside)).toEqual(new Set(['duration.js', 'errors.js']))
  })

  it('consists of small files', () => {
    for (const file of files) expect([file, readFileSync(file, 'utf8').split('\n').length < 300]).toEqual([file, true])
  })

  it('touches nothing outside of the language: no process, no timers, no randomness, no time', () => {
    for (const file of files) {
      expect([
        file,
        /\b(process\.|setTimeout|Math\.random|Date\b|globalThis)/.exec(readFileSync(file, 'utf8')),
      ]).toEqual([file, null])
    }
  })

  it('works where there is neither addon nor any dependency', () => {
    const folder = installed('library')
    const program = `import { wire, lint, probes } from 'shm-liveness/kubernetes'
      console.log(wire({ containers: [{ name: 'a' }] }).initContainers.length, lint({}).length, Object.keys(probes()).length)`
    writeFileSync(join(folder, 'program.mjs'), program)
    expect(node(folder, 'program.mjs')).toMatchObject({ status: 0, stdout: '1 0 3\n', stderr: '' })
  })
})

describe('the command line', () => {
  const folder = installed('command', 'yaml', 'commander', 'diff')

  it.each([
    ['wire', '--image', 'registry.example/a:1'],
    ['lint', '-'],
  ])('does %s where there is no addon', (...args) => {
    expect(node(folder, 'dist/cli/main.js', ...args)).toMatchObject({ status: 0, stderr: '' })
  })

  it.each([
    ['status', 'the package node-gyp-build, which finds the addon, is not installed'],
    ['probe-path', 'no shm-probe in'],
    ['guard-path', 'no shm-guard in'],
  ])('says what %s misses there', (command, reason) => {
    const done = node(folder, 'dist/cli/main.js', command)
    expect(done.status).toBe(3)
    expect(done.stderr).toContain(reason)
  })
})
