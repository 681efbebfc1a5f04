/** The package as `npm pack` makes it, and a project that has installed it without asking a registry. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { built, makePrebuilds } from './prebuilds.js'

const root = join(import.meta.dirname, '../..')
export const shipped = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  name: string
  version: string
  files: string[]
  dependencies: Record<string, string>
}
export const dependencies = Object.keys(shipped.dependencies)

export interface Packed {
  filename: string
  files: { path: string; size: number; mode: number }[]
}

/** A folder of the temporary directory, whose `remove` is for `afterAll`. */
export function scratchFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'shm-liveness-package-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Packs what package.json lists, out of a copy: npm reads the mode and the presence of each file. */
export function pack(scratch: string): Packed {
  makePrebuilds()
  const tree = join(scratch, 'tree')
  const entries = [...shipped.files, 'package.json'].filter((name) => name !== 'prebuilds' && !name.startsWith('!'))
  for (const entry of entries) cpSync(join(root, entry), join(tree, entry), { recursive: true })
  for (const arch of built) {
    const folder = `prebuilds/linux-${arch}`
    cpSync(join(root, folder), join(tree, folder), { recursive: true })
  }
  execFileSync(process.execPath, [join(root, 'scripts/bundle-auto.mjs'), join(tree, 'prebuilds')])
  execFileSync(process.execPath, [join(root, 'scripts/trim-dist.mjs'), join(tree, 'dist')])
  const options = ['--ignore-scripts', '--json', '--pack-destination', scratch]
  const json = execFileSync('npm', ['pack', ...options], { cwd: tree, encoding: 'utf8', stdio: 'pipe' })
  return (JSON.parse(json) as [Packed])[0]
}

/** A dependency as a tarball, without a run of npm for each. */
function tarballOf(scratch: string, dependency: string): string {
  const tarball = join(scratch, `${dependency}.tgz`)
  if (existsSync(tarball)) return tarball
  const folder = join(root, 'node_modules', dependency)
  execFileSync('tar', ['--create', '--gzip', '--file', tarball, '--transform', 's,^\\.,package,', '-C', folder, '.'])
  return tarball
}

/** The environment of a machine without compiler, make, python and even a shell. */
export function bareMachine(scratch: string): { PATH: string; HOME: string } {
  const bin = join(scratch, 'bin')
  if (!existsSync(bin)) {
    mkdirSync(bin)
    const npm = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim()
    symlinkSync(process.execPath, join(bin, 'node'))
    symlinkSync(npm, join(bin, 'npm'))
  }
  return { PATH: bin, HOME: scratch }
}

/** Installs the tarball and its dependencies into a new project. @returns what npm said */
export function install(scratch: string, packed: Packed, project: string, env: Record<string, string>): string {
  const tarballs = [join(scratch, packed.filename), ...dependencies.map((name) => tarballOf(scratch, name))]
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  const options = ['--offline', '--no-audit', '--no-fund', '--foreground-scripts', '--loglevel', 'info']
  const done = spawnSync('npm', ['install', ...options, ...tarballs], { cwd: project, env, encoding: 'utf8' })
  const log = done.stdout + done.stderr
  if (done.status !== 0) throw new Error(log)
  return log
}
