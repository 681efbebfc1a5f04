/** `lint` over folders: what it looks at, what it leaves out, and what it says of the whole. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { main, shmLiveness } from '../support/command.js'

const root = mkdtempSync(join(tmpdir(), 'shm-liveness-lint-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const pod = (probe: string) => `kind: Pod
metadata: { name: camera }
spec:
  containers:
    - name: camera
      livenessProbe: { exec: { command: [/a/shm-probe, --check, liveness, --termination-log] }, ${probe} }
`
const warned = pod('timeoutSeconds: 2, failureThreshold: 1, terminationGracePeriodSeconds: 5, periodSeconds: 2')
const failing = pod('periodSeconds: 0.5')

let folder: string
let count = 0
beforeEach(() => {
  folder = join(root, String(++count))
  mkdirSync(folder)
})

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
}

/** The files that are named in the output, without their lines; and its last line. */
async function lintFolder(...args: string[]) {
  const { code, stdout, stderr } = await shmLiveness(['lint', folder, ...args])
  const lines = stdout.split('\n').filter((line) => line !== '')
  const files = new Set(lines.flatMap((line) => /^(\S+):\d+: /.exec(line)?.[1]?.slice(folder.length + 1) ?? []))
  return { code, files: [...files], last: lines.at(-1), stderr }
}

describe('lint DIR', () => {
  it('looks at every manifest in it, in any depth, in the order of names', async () => {
    write({
      'b/deep/er/two.yml': `kind: Service\n---\n${warned}`,
      'a.yaml': warned,
      'c.json': JSON.stringify({ kind: 'Pod', metadata: { name: 'j' }, spec: { containers: [{ name: 'a' }] } }),
      'notes.txt': failing,
      'values.yaml': 'image: a\n',
    })
    const { code, files, last, stderr } = await lintFolder()
    expect({ code, files, stderr }).toEqual({ code: 0, files: ['a.yaml', 'b/deep/er/two.yml'], stderr: '' })
    expect(last).toMatch(/^4 files, 3 pods, 0 errors, \d+ warnings/)
  })

  it('exits as for files, and ends with the summary also when all is well', async () => {
    write({ 'a.yaml': 'kind: Service\n' })
    expect(await lintFolder()).toEqual({ code: 0, files: [], last: '1 file, 0 pods, 0 errors, 0 warnings', stderr: '' })
    write({ 'b.yaml': failing })
    expect(await lintFolder()).toMatchObject({ code: 1, last: expect.stringMatching(/^2 files, 1 pod, 1 error, /) })
  })

  it('leaves out hidden folders, node_modules, and what was seen already', async () => {
    write({ '.git/a.yaml': failing, 'node_modules/b/c.yaml': failing, '.github/workflows/ci.yml': failing })
    write({ 'real/a.yaml': warned })
    symlinkSync('.', join(folder, 'real/loop'))
    symlinkSync('a.yaml', join(folder, 'real/again.yaml'))
    symlinkSync('nowhere', join(folder, 'broken.yaml'))
    expect(await lintFolder(join(folder, 'real/a.yaml'))).toMatchObject({
      code: 0,
      files: ['real/a.yaml'],
      last: expect.stringMatching(/^1 file, 1 pod, /),
    })
  })

  it('reads on behind a manifest that it cannot read, and exits 3', async () => {
    write({ 'a.yaml': 'kind: Pod\nspec: [1\n', 'b.yaml': failing, 'c.yaml': Buffer.from([0xff]).toString('latin1') })
    const { code, files, last, stderr } = await lintFolder()
    expect({ code, files }).toEqual({ code: 3, files: ['b.yaml'] })
    expect(stderr).toContain(`shm-liveness: ${folder}/a.yaml:`)
    expect(last).toMatch(/^2 files, 1 pod, 1 error, .*, 1 file not read$/)
  })

  it('passes over what is no manifest, unless it was named', async () => {
    write({
      'tsconfig.json': '{ "a": [ }',
      'a.yaml': warned,
      'mkdocs.yml': 'theme: !!python/name:a.b\nx: [',
    })
    expect(await lintFolder()).toMatchObject({ code: 0, last: expect.stringMatching(/^1 file, /), stderr: '' })
    expect(await shmLiveness(['lint', join(folder, 'tsconfig.json')])).toMatchObject({ code: 3 })
  })

  it('names Helm chart sources, which are no manifests, and looks at the rest', async () => {
    write({
      'vision/Chart.yaml': 'name: vision\n',
      'vision/templates/deployment.yaml': 'kind: Deployment\nspec:\n  replicas: {{ .Values.replicas }}\n',
      'rendered/deployment.yaml': warned,
    })
    const { code, files, last, stderr } = await lintFolder()
    expect({ code, files }).toEqual({ code: 0, files: ['rendered/deployment.yaml'] })
    expect(last).toMatch(/, 1 chart not rendered$/)
    const chart = join(folder, 'vision')
    expect(stderr).toMatch(new RegExp(`^shm-liveness: ${chart}: .*; render it first: helm template NAME ${chart} \\| `))
    // Whoever names the chart itself wants it looked at.
    expect(await shmLiveness(['lint', chart])).toMatchObject({ code: 3, stderr })
  })

  it('looks at the rest, if a folder is not there or may not be read', async () => {
    write({ 'a.yaml': failing, 'closed/b.yaml': failing })
    const none = join(folder, 'none')
    const missing = await lintFolder(none)
    expect(missing).toMatchObject({ code: 3, files: ['a.yaml', 'closed/b.yaml'] })
    expect(missing.last).toMatch(/^2 files, 2 pods, 2 errors, .*, 1 file not read$/)
    expect(missing.stderr).toMatch(new RegExp(`^shm-liveness: ${none}: ENOENT`))
    chmodSync(root, 0o755)
    chmodSync(join(folder, 'closed'), 0)
    const options = process.getuid?.() === 0 ? { uid: 65531 } : {}
    const done = spawnSync(process.execPath, [main, 'lint', folder], { encoding: 'utf8', ...options })
    chmodSync(join(folder, 'closed'), 0o755)
    expect(done.status).toBe(3)
    expect(done.stderr).toContain(`shm-liveness: ${join(folder, 'closed')}: EACCES`)
    expect(done.stdout).toContain('a.yaml:6: error: ')
  })

  it('puts the summary of formats for programs on standard error', async () => {
    write({ 'a.yaml': warned })
    for (const format of ['json', 'sarif', 'junit']) {
      const { stderr } = await lintFolder('--format', format)
      expect(stderr).toMatch(/^1 file, 1 pod, 0 errors, \d+ warnings?/)
    }
  })
})

describe('--list-rules', () => {
  it('prints every rule, as a table or JSON, and reads nothing', async () => {
    const { code, stdout } = await shmLiveness(['lint', '--list-rules'], 'kind: [')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^RULE +SEVERITY +WHY\n/)
    expect(stdout).toMatch(/^failure-threshold +warning +One late exec/m)
    const json = JSON.parse((await shmLiveness(['lint', '--list-rules', '--format', 'json'])).stdout)
    expect(json).toHaveLength(stdout.split('\n').length - 2)
    expect(json[0]).toMatchObject({
      id: 'no-startup-probe',
      severity: 'warning',
      docs: 'docs/operations.md#lint-no-startup-probe',
    })
  })
})

describe('a Helm template', () => {
  const template = 'kind: Deployment\n{{- if .Values.on }}\nspec:\n  a: 1\n{{- end }}\n'
  const readable = 'kind: Pod\nspec:\n  containers:\n  - name: {{ .Chart.Name }}\n'

  it.each([
    ['that is no YAML', template],
    ['that YAML takes for a map', readable],
  ])('%s is to be rendered first, for lint and wire', async (_what, text) => {
    for (const command of ['lint', 'wire']) {
      const { code, stderr } = await shmLiveness([command], text)
      expect({ command, code }).toEqual({ command, code: 3 })
      expect(stderr).toMatch(/stdin:\d+: this is a Helm chart, .*; render it first: helm template NAME CHART \|/)
    }
  })

  it('is none, if its braces are in texts', async () => {
    const texts = [
      'kind: PrometheusRule\nspec:\n  a: "{{ $labels.pod }} is down"\n  b: x-{{ $value }}\n  c: |\n    {{ range . }}\n    {{ end }}\n',
      'kind: Workflow\nspec:\n  image: a:{{inputs.tag}}\n',
      '{"kind":"Pod","spec":{"a":{"b":1}}}',
      'a: {b: {c: 1}}\n',
    ]
    for (const text of texts) expect(await shmLiveness(['lint'], text)).toMatchObject({ code: 0 })
  })
})
