/** The GitHub workflows: their rules, and what their own scripts do. The actions of others are not run. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const root = join(import.meta.dirname, '../..')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const scratch = mkdtempSync(join(tmpdir(), 'shm-liveness-workflows-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

interface Step {
  name?: string
  uses?: string
  run?: string
  with?: Record<string, string>
}
interface Job {
  if?: string
  needs?: string[]
  uses?: string
  permissions?: Record<string, string>
  steps?: Step[]
}
interface Workflow {
  permissions: Record<string, string>
  jobs: Record<string, Job>
}

const folder = join(root, '.github/workflows')
const workflows = readdirSync(folder).map(
  (name) => [name, parse(readFileSync(join(folder, name), 'utf8')) as Workflow] as const,
)
const [, release] = workflows.find(([name]) => name === 'release.yml')!
const stepsOf = ({ jobs }: Workflow): Step[] => Object.values(jobs).flatMap(({ steps = [] }) => steps)

function runOf(name: string): string {
  const step = stepsOf(release).find((step) => step.name === name)
  if (step?.run === undefined) throw new Error(`no step "${name}"`)
  return step.run
}

/** As the runner does with `shell: bash`. */
const bash = (script: string, cwd: string, env: Record<string, string> = {}) =>
  spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
    cwd,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', ...env },
  })

describe.each(workflows)('%s', (_name, workflow) => {
  it('uses actions by their full version', () => {
    const used = [...stepsOf(workflow), ...Object.values(workflow.jobs)].flatMap(({ uses }) => uses ?? [])
    expect(used.length).toBeGreaterThan(0)
    for (const action of used) expect(action).toMatch(/^\.\/|^[\w-]+\/[\w-]+@v\d+\.\d+\.\d+$/)
  })

  it('leaves no token behind in a work tree, and may write nothing by default', () => {
    for (const { uses = '', with: inputs } of stepsOf(workflow)) {
      if (uses.startsWith('actions/checkout@')) expect(inputs).toMatchObject({ 'persist-credentials': false })
    }
    expect(Object.values(workflow.permissions).filter((access) => access !== 'read')).toEqual([])
  })

  it('has scripts that bash reads, without expressions that GitHub would fill in as text', () => {
    for (const { run } of stepsOf(workflow).filter(({ run }) => run !== undefined)) {
      expect(run).not.toContain('${{')
      expect(spawnSync('bash', ['-O', 'extglob', '-n'], { input: run, encoding: 'utf8' }).stderr).toBe('')
    }
  })
})

it('ci.yml runs .ci/run', () => {
  const [, ci] = workflows.find(([name]) => name === 'ci.yml')!
  expect(stepsOf(ci).map(({ run }) => run)).toContain('.ci/run')
  expect(statSync(join(root, '.ci/run')).mode & 0o111).not.toBe(0)
})

describe('release.yml', () => {
  it('is off until the variable RELEASES is set, and publishes nothing that CI has not tested', () => {
    for (const [name, { if: condition, needs }] of Object.entries(release.jobs)) {
      // A job is skipped with those that it needs.
      if (needs === undefined) expect([name, condition]).toEqual([name, "vars.RELEASES == 'on'"])
      else expect([name, needs]).toEqual([name, ['ci', 'package']])
    }
  })

  it('gives only jobs that publish a right to write', () => {
    const writers = Object.entries(release.jobs)
      .filter(([, { permissions = {} }]) => Object.values(permissions).includes('write'))
      .map(([name]) => name)
    expect(writers).toEqual(['npm', 'github', 'image'])
  })

  it('stops over a tag or a repository that package.json has not', () => {
    const script = runOf('Compare the tag and the repository with package.json')
    const compare = (manifest: object, tag = `v${version}`) => {
      writeFileSync(join(scratch, 'package.json'), JSON.stringify(manifest))
      return bash(script, scratch, { GITHUB_REF_NAME: tag, GITHUB_REPOSITORY: 'someone/shm-liveness' })
    }
    const named = (name: string) => ({ version, repository: { url: `git+https://github.com/${name}.git` } })
    expect(compare(named('someone/shm-liveness'))).toMatchObject({ status: 0, stderr: '' })
    const otherTag = compare(named('someone/shm-liveness'), 'v99.0.0')
    expect(otherTag).toMatchObject({ status: 1, stderr: expect.stringContaining(`Tag v${version}.`) })
    for (const manifest of [{ version }, named('other/shm-liveness')]) {
      const stderr = expect.stringContaining('Set it to git+https://github.com/someone/shm-liveness.git.')
      expect(compare(manifest)).toMatchObject({ status: 1, stderr })
    }
  })

  it('has checksums of the package and of each executable', () => {
    const tree = join(scratch, 'tree')
    for (const arch of ['x64', 'arm64']) {
      mkdirSync(join(tree, `prebuilds/linux-${arch}`), { recursive: true })
      for (const program of ['shm-probe', 'shm-guard']) {
        cpSync(join(root, 'build/Release', program), join(tree, `prebuilds/linux-${arch}`, program))
      }
    }
    mkdirSync(join(tree, 'release'))
    writeFileSync(join(tree, `release/shm-liveness-${version}.tgz`), 'package')
    expect(bash(runOf('Add the executables and the checksums of all files'), tree)).toMatchObject({ status: 0 })
    const check = () =>
      execFileSync('sha256sum', ['--check', 'SHA256SUMS'], { cwd: join(tree, 'release'), stdio: 'pipe' })
    const checked = String(check()).trimEnd().split('\n').sort()
    const programs = ['shm-guard-linux-arm64', 'shm-guard-linux-x64', 'shm-probe-linux-arm64', 'shm-probe-linux-x64']
    expect(checked).toEqual([`shm-liveness-${version}.tgz`, ...programs].map((name) => `${name}: OK`).sort())
    writeFileSync(join(tree, 'release/shm-probe-linux-x64'), 'changed')
    expect(check).toThrow(/computed checksum did NOT match/)
  })
})

it('Dependabot keeps npm packages and all actions of this repository', () => {
  const { updates } = parse(readFileSync(join(root, '.github/dependabot.yml'), 'utf8')) as {
    updates: { 'package-ecosystem': string; directory?: string; directories?: string[] }[]
  }
  expect(updates.map((update) => update['package-ecosystem'])).toEqual(['npm', 'github-actions'])
  const actions = readdirSync(join(root, '.github/actions')).map((name) => `/.github/actions/${name}`)
  expect(updates[1]?.directories).toEqual(['/', ...actions])
})
