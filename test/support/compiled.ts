import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const native = join(root, 'native')
const folder = join(root, 'build/test-programs')
const flags = ['-std=c++20', '-Wall', '-Wextra', '-Werror', '-O1', '-I', native]
// The compiler that has built the addon, so there is one.
const compiler = process.env['CXX'] ?? 'g++'

/**
 * Compiles a C++ fixture of test/fixtures/ against the core, and gives the program's path. The program is kept in
 * build/test-programs/ under a hash of what it is made of, because the compiler takes seconds: it is compiled again only
 * after a change of the fixture, of a header of the core, of the flags or of the compiler.
 */
export function compiled(name: string): string {
  const source = join(root, 'test/fixtures', `${name}.cc`)
  const program = join(folder, `${name}-${hashOf(source)}`)
  if (existsSync(program)) return program
  mkdirSync(folder, { recursive: true })
  for (const old of readdirSync(folder).filter((entry) => entry.startsWith(`${name}-`))) rmSync(join(folder, old))
  // Renamed when it is whole: another file of tests may look for it meanwhile.
  const unfinished = join(folder, `.${name}-${process.pid}`)
  execFileSync(compiler, [...flags, source, '-o', unfinished])
  renameSync(unfinished, program)
  return program
}

function hashOf(source: string): string {
  const hash = createHash('sha256')
  hash.update(JSON.stringify([flags, execFileSync(compiler, ['--version'], { encoding: 'utf8' })]))
  const headers = readdirSync(native, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.hpp'))
  for (const path of [source, ...headers.sort().map((header) => join(native, header))]) {
    hash.update(path).update('\0').update(readFileSync(path)).update('\0')
  }
  return hash.digest('hex').slice(0, 16)
}
