import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'shm-liveness-compiled-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/**
 * Compiles a C++ fixture of test/fixtures/ against the core, and gives the program's path. The compiler is the one that
 * has built the addon, so there is one.
 */
export function compiled(name: string): string {
  const program = join(folder, name)
  const source = join(root, 'test/fixtures', `${name}.cc`)
  execFileSync(process.env['CXX'] ?? 'g++', [
    '-std=c++20',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-O1',
    '-I',
    join(root, 'native'),
    source,
    '-o',
    program,
  ])
  return program
}
