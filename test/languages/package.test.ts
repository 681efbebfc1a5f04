import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const scratch = mkdtempSync(join(tmpdir(), 'shm-liveness-installed-'))
/** Moved after the installation, so that nothing may know where it was installed. */
const tree = join(scratch, 'moved')

function run(program: string, args: string[], env: Record<string, string> = {}): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe', env: { ...process.env, ...env } })
}

function find(name: string): string {
  const found = readdirSync(tree, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith(`/${name}`))
  if (found === undefined) throw new Error(`${name} is not installed`)
  return join(tree, found)
}

beforeAll(() => {
  const build = join(scratch, 'build')
  run('cmake', ['-S', root, '-B', build, '-DSHM_LIVENESS_TESTS=OFF', '-DCMAKE_BUILD_TYPE=Release'])
  run('cmake', ['--build', build])
  run('cmake', ['--install', build, '--prefix', join(scratch, 'installed')])
  renameSync(join(scratch, 'installed'), tree)
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('the installed package', () => {
  it.each([
    ['c', 'c-worker'],
    ['cpp', 'cpp-worker'],
  ])('is found by CMake in a copy of examples/workers/%s', (folder, program) => {
    const build = join(scratch, `build-${folder}`)
    run('cmake', ['-S', join(root, 'examples/workers', folder), '-B', build, `-DCMAKE_PREFIX_PATH=${tree}`])
    run('cmake', ['--build', build, '--target', program])
    expect(() => run(join(build, program), [])).toThrow(/usage/)
  })

  it.each([
    ['gcc', 'shm-liveness-c', 'c/worker.c', ['-std=c99', '-Wall', '-Wextra', '-Werror']],
    ['g++', 'shm-liveness', 'cpp/worker.cc', ['-Wall', '-Wextra', '-Werror']],
  ])('is found by pkg-config for %s', (compiler, name, source, strict) => {
    const flags = run('pkg-config', ['--cflags', '--libs', name], { PKG_CONFIG_PATH: join(find(`${name}.pc`), '..') })
    const program = join(scratch, name)
    run(compiler, [...strict, join(root, 'examples/workers', source), ...flags.trim().split(/\s+/), '-o', program])
    expect(() => run(program, [])).toThrow(/usage/)
  })

  it('has a C library that needs no C++ library', () => {
    const symbols = run('nm', ['--undefined-only', '--format=just-symbols', find('libshm_liveness_c.a')])
    const names = symbols.split('\n').filter((line) => line !== '' && !line.endsWith(':'))
    expect(names.filter((name) => /^(_Z|__cxa|__gxx|_Unwind)/.test(name))).toEqual([])
    expect(names).toContain('pthread_atfork')
  })
})
