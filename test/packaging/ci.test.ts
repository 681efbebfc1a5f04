/** The pre-commit hook and the GitHub action: what they run, run here. npx and the runner of actions are not ours. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { main } from '../support/command.js'

const root = join(import.meta.dirname, '../..')
const { version, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'shm-liveness-ci-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const failing = `kind: Pod
metadata: { name: camera }
spec:
  containers:
    - name: camera
      livenessProbe: { exec: { command: [/a/shm-probe, --check, liveness, --termination-log] }, periodSeconds: 0.5 }
`
mkdirSync(join(folder, 'deploy to'))
writeFileSync(join(folder, 'deploy to/pod.yaml'), failing)
writeFileSync(join(folder, 'service.yaml'), 'kind: Service\n')
writeFileSync(join(folder, 'wanted.yaml'), failing.replace('periodSeconds: 0.5', 'failureThreshold: 1'))

/** Programs of these names, which run the compiled command line; npx notes what it was to install. */
const programs = join(folder, 'bin')
mkdirSync(programs)
const script = (name: string, text: string) => {
  writeFileSync(join(programs, name), `#!/bin/sh\n${text}\n`)
  chmodSync(join(programs, name), 0o755)
}
script('shm-liveness', `exec "${process.execPath}" "${main}" "$@"`)
script('npx', `[ "$1" = --yes ] && echo "$2" > "${folder}/installed" && shift 2 && exec shm-liveness "$@"`)

function run(command: string, args: string[], env: Record<string, string> = {}) {
  const path = `${programs}${delimiter}${process.env['PATH']}`
  return spawnSync(command, args, { cwd: folder, encoding: 'utf8', env: { PATH: path, ...env } })
}

describe('.github/actions/lint', () => {
  const { inputs, outputs, runs } = parse(readFileSync(join(root, '.github/actions/lint/action.yml'), 'utf8'))
  const [step] = runs.steps
  const outputFile = join(folder, 'outputs')

  /** As the runner does: expressions become the inputs, and bash is called with its default flags. */
  function act(given: Record<string, string> = {}) {
    writeFileSync(outputFile, '')
    const values = Object.fromEntries(
      Object.entries(inputs).map(([name, input]) => [name, given[name] ?? (input as { default: unknown }).default]),
    )
    const filled = (text: string) => text.replace(/\$\{\{ inputs\.([\w-]+) \}\}/g, (_, name) => String(values[name]))
    const env = Object.fromEntries(Object.entries(step.env as object).map(([name, text]) => [name, filled(text)]))
    expect(step.run).not.toMatch(/\$\{\{/)
    const args = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run]
    const done = run(step.shell, args, { ...env, GITHUB_OUTPUT: outputFile })
    return { ...done, outputs: readFileSync(outputFile, 'utf8') }
  }

  it('fails the job over an error in the folder of the job, by this version of the package', () => {
    const { status, stdout } = act()
    expect(status).toBe(1)
    expect(stdout).toContain('deploy to/pod.yaml:6: error: ')
    expect(stdout).toMatch(/^3 files, 2 pods, 1 error, /m)
    expect(readFileSync(join(folder, 'installed'), 'utf8')).toBe(`shm-liveness@${version}\n`)
  })

  it('takes paths with blanks, one a line, and the severity to fail on', () => {
    expect(act({ paths: 'service.yaml\n\ndeploy to\n' })).toMatchObject({ status: 1 })
    expect(act({ paths: 'service.yaml' })).toMatchObject({ status: 0, outputs: '' })
    expect(act({ paths: 'wanted.yaml' })).toMatchObject({ status: 0 })
    expect(act({ paths: 'wanted.yaml', 'fail-on': 'warning' })).toMatchObject({ status: 1 })
  })

  it('writes the report to a file, also of a job that fails, and names it', () => {
    const done = act({ format: 'sarif', output: 'report.sarif' })
    expect(done).toMatchObject({ status: 1, outputs: 'report=report.sarif\n', stdout: '' })
    expect(JSON.parse(readFileSync(join(folder, 'report.sarif'), 'utf8')).runs[0].results.length).toBeGreaterThan(0)
    expect(outputs.report.value).toContain(`steps.${step.id}.outputs.report`)
  })

  it('runs nothing that is written in an input', () => {
    const paths = '$(touch evil); touch evil; `touch evil`'
    expect(act({ paths, 'fail-on': '"; touch evil; "', output: 'out' }).status).toBe(2)
    expect(existsSync(join(folder, 'evil'))).toBe(false)
  })

  it('is of a version that is the package’s own', () => {
    expect(inputs.version.default).toBe(version)
  })
})

describe('.pre-commit-hooks.yaml', () => {
  const [hook, ...others] = parse(readFileSync(join(root, '.pre-commit-hooks.yaml'), 'utf8'))

  it('has what a hook must have, and runs a program that the package installs', () => {
    expect(others).toEqual([])
    expect(hook).toMatchObject({ id: expect.stringMatching(/^[a-z-]+$/), name: expect.any(String), language: 'node' })
    expect(Object.keys(bin)).toContain(hook.entry.split(' ')[0])
  })

  it('fails a commit of files with errors, and passes others', () => {
    const [program, ...args] = hook.entry.split(' ')
    expect(run(program, [...args, 'deploy to/pod.yaml', 'service.yaml'])).toMatchObject({ status: 1 })
    expect(run(program, [...args, 'service.yaml'])).toMatchObject({ status: 0 })
  })

  it('leaves templates of charts out', () => {
    const excluded = new RegExp(hook.exclude)
    expect(excluded.test('charts/vision/templates/deployment.yaml')).toBe(true)
    expect(excluded.test('templates/a.yaml')).toBe(true)
    expect(excluded.test('deploy/mytemplates/a.yaml')).toBe(false)
  })
})
