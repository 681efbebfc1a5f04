import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { shmLiveness } from '../support/command.js'

const warned = `# a pod
kind: Pod
metadata:
  name: camera
  annotations:
    lint.shm-liveness/termination-grace: 'thirty seconds are fine'
spec:
  containers:
    - name: camera
      livenessProbe:
        timeoutSeconds: 2
        failureThreshold: 1
        exec: { command: [/bin/shm-probe, --termination-log] }
`
const failing = warned.replace('failureThreshold: 1', 'periodSeconds: 0.5')

describe('lint', () => {
  it('says file, line, severity, place and rule, and what to do', async () => {
    expect(await shmLiveness(['lint'], warned)).toEqual({
      code: 0,
      stdout:
        'stdin:10: warning: Pod/camera/camera: one failure of liveness restarts the container [failure-threshold]\n' +
        '    Set failureThreshold to 2 or more.\n' +
        '1 file, 1 pod, 0 errors, 1 warning, 1 suppressed\n',
      stderr: '',
    })
  })

  it('exits 1 over an error, unless that is suppressed', async () => {
    const done = await shmLiveness(['lint'], failing)
    expect(done).toMatchObject({ code: 1, stderr: '' })
    expect(done.stdout).toContain('stdin:12: error: Pod/camera/camera: periodSeconds is 0.5')
    const suppressed = failing.replace('annotations:', 'annotations:\n    lint.shm-liveness/invalid-probe: ""')
    expect(await shmLiveness(['lint'], suppressed)).toEqual({
      code: 0,
      stdout: '1 file, 1 pod, 0 errors, 0 warnings, 2 suppressed\n',
      stderr: '',
    })
  })

  it('exits 1 over less, if told to', async () => {
    expect((await shmLiveness(['lint', '--fail-on', 'warning'], warned)).code).toBe(1)
    expect((await shmLiveness(['lint', '--fail-on', 'warning'], warned.replace('failureThreshold: 1', ''))).code).toBe(
      0,
    )
  })

  it('shows what is suppressed on request', async () => {
    const done = await shmLiveness(['lint', '--suppressed'], warned)
    expect(done.stdout).toContain('[termination-grace] (suppressed: thirty seconds are fine)')
    expect(done.code).toBe(0)
  })

  it('finds the line in any document, through aliases and lists', async () => {
    const text = `a: 1\n---\nkind: List\nx: &probe\n  periodSeconds: 0.5\nitems:\n- ${warned
      .trimEnd()
      .split('\n')
      .slice(1)
      .join('\n  ')
      .replace(/livenessProbe:[\s\S]*/, 'livenessProbe: *probe')}\n`
    expect((await shmLiveness(['lint', '--all-probes'], text)).stdout).toContain(
      'stdin:5: error: Pod/camera/camera: periodSeconds',
    )
  })

  it('has nothing to say of no pods', async () => {
    for (const text of ['', '---\n', 'kind: Service\n', '{}', 'just a text']) {
      const said = '1 file, 0 pods, 0 errors, 0 warnings\n'
      expect(await shmLiveness(['lint'], text)).toEqual({ code: 0, stdout: said, stderr: '' })
    }
  })

  it('gives JSON', async () => {
    const findings = JSON.parse((await shmLiveness(['lint', '--format', 'json'], warned)).stdout)
    expect(findings).toMatchObject([
      {
        file: 'stdin',
        line: 10,
        rule: 'failure-threshold',
        severity: 'warning',
        path: ['spec', 'containers', 0, 'livenessProbe'],
      },
    ])
    expect(JSON.parse((await shmLiveness(['lint', '--format', 'json'], '')).stdout)).toEqual([])
  })

  it('gives SARIF, with what is suppressed', async () => {
    const { runs } = JSON.parse((await shmLiveness(['lint', '--format', 'sarif'], warned)).stdout)
    const [suppressed, finding] = runs[0].results.toSorted((a: { ruleId: string }, b: { ruleId: string }) =>
      a.ruleId < b.ruleId ? 1 : -1,
    )
    expect(finding.locations[0].physicalLocation).toEqual({
      artifactLocation: { uri: 'stdin' },
      region: { startLine: 10 },
    })
    expect(suppressed.suppressions).toEqual([{ kind: 'inSource', justification: 'thirty seconds are fine' }])
  })

  it('gives the files of SARIF as URI references', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shm-liveness lint#'))
    const file = join(folder, '100%.yaml')
    writeFileSync(file, failing)
    const { runs } = JSON.parse((await shmLiveness(['lint', '--format', 'sarif', file])).stdout)
    rmSync(folder, { recursive: true })
    const { uri } = runs[0].results[0].locations[0].physicalLocation.artifactLocation
    expect(fileURLToPath(uri)).toBe(file)
  })

  it('reads YAML as the Kubernetes tools do: yes is true', async () => {
    const host = `kind: Pod\nspec:\n  hostIPC: yes\n  containers: [{name: a, command: [/shm-guard, --, a]}]\n`
    expect((await shmLiveness(['lint'], host)).stdout).toContain(
      "stdin:3: error: Pod: the pod's /dev/shm is the node's [host-ipc]",
    )
  })

  it('looks only at what shm-liveness watches, and says so, unless told to look at all', async () => {
    const beside = `${warned}    - { name: web, livenessProbe: { httpGet: { port: 80 }, failureThreshold: 1 } }\n    - { name: log }\n`
    const done = await shmLiveness(['lint'], beside)
    expect(done.stdout).not.toContain('web')
    expect(done.stdout).toMatch(/, 2 containers not ours \(--all-probes\)\n$/)
    const all = await shmLiveness(['lint', '--all-probes'], beside)
    expect(all.stdout).toContain('Pod/camera/web: one failure of liveness restarts the container')
    expect(all.stdout).not.toContain('not ours')
  })

  it('refuses a format that it has not', async () => {
    expect(await shmLiveness(['lint', '--format', 'xml'], '')).toMatchObject({ code: 2 })
  })
})
