import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { shmLiveness } from '../support/command.js'

const pod = (name: string, probe: string, annotations = '{}') => `kind: Pod
metadata: { name: ${JSON.stringify(name)}, annotations: ${annotations} }
spec:
  containers:
    - name: camera
      startupProbe: { httpGet: { path: /, port: 80 }, periodSeconds: 5 }
      livenessProbe: { httpGet: { path: /, port: 80 }, timeoutSeconds: 2, terminationGracePeriodSeconds: 5, ${probe} }
`
const clean = pod('clean', 'failureThreshold: 3')
const warned = pod('warned', 'failureThreshold: 1')
const failing = pod('failing', 'failureThreshold: 3, periodSeconds: 0.5')
const suppressed = pod('hidden', 'failureThreshold: 1', '{ lint.shm-liveness/failure-threshold: "a < b & c" }')

/** What a parser of XML sees: a count of each element, and its attributes. */
async function junit(input: string, ...args: string[]) {
  const { code, stdout } = await shmLiveness(['lint', '--format', 'junit', '--all-probes', ...args], input)
  const program = `
import json, sys, xml.etree.ElementTree as xml
suites = xml.fromstring(sys.stdin.buffer.read())
print(json.dumps([{**suite.attrib, 'cases': [{**case.attrib, 'has': [{'tag': part.tag, **part.attrib, 'text': part.text} for part in case]} for case in suite]} for suite in suites]))`
  const done = spawnSync('python3', ['-c', program], { input: stdout, encoding: 'utf8' })
  expect(done.stderr).toBe('')
  return { code, suites: JSON.parse(done.stdout) }
}

describe('lint --format junit', () => {
  it('has a suite for a file, a test for a finding, and one for a pod without any', async () => {
    const { code, suites } = await junit([clean, warned, failing, suppressed].join('---\n'))
    expect(code).toBe(1)
    expect(suites).toHaveLength(1)
    expect(suites[0]).toMatchObject({ name: 'stdin', tests: '4', failures: '1', errors: '0', skipped: '1' })
    const has = (classname: string) =>
      suites[0].cases.find((found: { classname: string }) => found.classname.startsWith(classname))
    expect(has('Pod/clean')).toEqual({ classname: 'Pod/clean', name: 'lint', has: [] })
    expect(has('Pod/warned').has).toMatchObject([{ tag: 'system-out' }])
    expect(has('Pod/failing').has).toMatchObject([
      { tag: 'failure', message: expect.stringContaining('periodSeconds is 0.5') },
    ])
    expect(has('Pod/hidden').has).toMatchObject([{ tag: 'skipped', message: 'a < b & c' }])
  })

  it('fails a test from the severity of --fail-on', async () => {
    const { code, suites } = await junit(warned, '--fail-on', 'warning')
    expect(code).toBe(1)
    expect(suites[0]).toMatchObject({ failures: '1' })
    expect(suites[0].cases[0].has[0]).toMatchObject({ tag: 'failure', text: expect.stringContaining('stdin:') })
  })

  it('has an error for a file that cannot be read', async () => {
    const { code, suites } = await junit('kind: [')
    expect(code).toBe(3)
    expect(suites[0]).toMatchObject({ tests: '1', errors: '1' })
  })

  it('stays XML, whatever a manifest has', async () => {
    const odd = pod('a"b<c>\u0001\ud800\uffff]]>&\u{1f600}', 'failureThreshold: 1')
    const { suites } = await junit(odd)
    expect(suites[0].cases[0].classname).toContain('a"b<c>')
    expect((await junit('')).suites).toEqual([])
  })
})
