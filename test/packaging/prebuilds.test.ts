import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const tree = mkdtempSync(join(tmpdir(), 'shm-liveness-prebuild-test-'))
const prebuilds = join(tree, `prebuilds/linux-${process.arch}`)

// In a copy of what it builds from, so that the repository's own prebuilds/ is neither read nor written.
beforeAll(() => {
  for (const input of ['binding.gyp', 'package.json', 'native', 'probe', 'scripts']) {
    cpSync(join(root, input), join(tree, input), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  execFileSync('npm', ['run', 'prebuild'], { cwd: tree, stdio: 'pipe' })
}, 600_000) // a whole build by one compiler at a time

afterAll(() => rmSync(tree, { recursive: true, force: true }))

describe('npm run prebuild', () => {
  it('fills prebuilds/ with the addon and the programs, and with nothing else', () => {
    expect(readdirSync(join(tree, 'prebuilds'))).toEqual([`linux-${process.arch}`])
    // package.test.ts packs files of these names, made of the build that is there.
    expect(readdirSync(prebuilds).sort()).toEqual(['shm-guard', 'shm-liveness.glibc.node', 'shm-probe'])
    for (const name of ['shm-guard', 'shm-probe']) expect(statSync(join(prebuilds, name)).mode & 0o777).toBe(0o755)
  })

  it('makes those that run here, of this version', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    for (const name of ['shm-guard', 'shm-probe']) {
      const said = execFileSync(join(prebuilds, name), ['--version'], { encoding: 'utf8' })
      expect(said).toContain(`${name} ${version}`)
    }
    const addon = createRequire(import.meta.url)(join(prebuilds, 'shm-liveness.glibc.node'))
    expect(addon.faultCodes()).toContain('REGION_MISSING')
  })
})
