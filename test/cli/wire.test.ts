import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { shmLiveness } from '../support/command.js'

const folder = mkdtempSync(join(tmpdir(), 'shm-liveness-wire-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
function fileOf(text: string | Buffer): string {
  const path = join(folder, `${++count}.yaml`)
  writeFileSync(path, text)
  return path
}

const pod = `kind: Pod
metadata: { name: camera }
spec:
  containers:
    - name: camera
      image: camera:1
      command: [camera]
`
const service = 'kind: Service\nmetadata: { name: s }\n'
const wired = (await shmLiveness(['wire'], pod)).stdout
const unpullable = expect.stringMatching(/^shm-liveness: warning: no cluster can pull the image localhost\/[^\n]+\n$/)

describe('wire', async () => {
  it('reads standard input, by default or as -, and writes standard output', async () => {
    expect(wired).toContain('  livenessProbe:')
    expect(await shmLiveness(['wire', '-'], pod)).toEqual({ code: 0, stdout: wired, stderr: unpullable })
  })

  it('makes one stream of several files', async () => {
    const files = [fileOf(pod), fileOf(service.trimEnd()), fileOf(`---\n${service}`)]
    const done = await shmLiveness(['wire', ...files])
    expect(done.stdout).toBe(`${wired}---\n${service}---\n${service}`)
  })

  it('passes on what has no pod, byte for byte', async () => {
    for (const text of [
      '',
      '\n',
      '---\n',
      '# nothing\n',
      '---\n---\n...\n',
      service,
      'just a text',
      '- a\n-   b\n',
      '﻿kind:   A\r\n',
    ]) {
      expect(await shmLiveness(['wire'], text)).toEqual({
        code: 0,
        stdout: text,
        stderr: 'shm-liveness: warning: nothing was wired: there is no pod template\n',
      })
    }
  })

  it('prints what would change, and says by its exit code that something would', async () => {
    const file = fileOf(pod)
    const done = await shmLiveness(['wire', '--diff', file])
    expect(done.code).toBe(1)
    const [from, to, hunk, ...lines] = done.stdout.split('\n')
    expect([from, to]).toEqual([`--- ${file}`, `+++ ${file}`])
    expect(hunk).toMatch(/^@@ -5,3 \+5,\d+ @@$/)
    expect(lines.filter((line) => line.startsWith('-'))).toEqual([])
    expect(readFileSync(file, 'utf8')).toBe(pod)
    expect(await shmLiveness(['wire', '--diff'], wired)).toEqual({ code: 0, stdout: '', stderr: unpullable })
  })

  it('writes files in place, with their modes, through links, and only what changes', async () => {
    const file = fileOf(pod)
    chmodSync(file, 0o640)
    const link = join(folder, 'link.yaml')
    symlinkSync(file, link)
    const same = fileOf(wired)
    const before = statSync(same).ino
    expect(await shmLiveness(['wire', '--in-place', link, same])).toEqual({ code: 0, stdout: '', stderr: unpullable })
    expect(readFileSync(file, 'utf8')).toBe(wired)
    expect(statSync(file).mode & 0o777).toBe(0o640)
    expect(statSync(link).ino).toBe(statSync(file).ino)
    expect(statSync(same).ino).toBe(before)
  })

  it('writes nothing at all if one of the files cannot be wired', async () => {
    const files = [fileOf(pod), fileOf(pod.replace('command: [camera]', 'livenessProbe: {}'))]
    const done = await shmLiveness(['wire', '--in-place', ...files])
    expect(done).toMatchObject({ code: 4, stdout: '' })
    expect(done.stderr).toBe(
      `shm-liveness: ${files[1]}:3: Pod/camera, container "camera": it has a livenessProbe already; replace it ` +
        '(--replace) or leave it alone (--no-liveness)\n',
    )
    expect(readFileSync(files[0]!, 'utf8')).toBe(pod)
  })

  it('takes the same options as wire()', async () => {
    const done = await shmLiveness(
      [
        ...['wire', '--liveness', 'periodSeconds=3,failureThreshold=4', '--no-startup', '--region', 'front'],
        ...['--restart', '2', '--signal', 'SEGV', '--grace', '1s', '--restart-budget', '9s', '--guard-flag=--build'],
        ...['--image', 'a/b:1', '--name', 'hb', '--directory', '/hb', '--run-as-user', '7', '--via', 'httpGet'],
        ...['--port', '7000', '--address', '[::]', '--expect', 'grabber,sorter', '--min', '2'],
      ],
      pod,
    )
    expect(done.stderr).toBe('')
    const flags = '--restart, "2", --restart-budget, 9s, --signal, SEGV, --grace, 1s, --build'
    expect(done.stdout).toContain(`command: [/hb/shm-guard, ${flags}, --, camera]`)
    for (const part of [
      'value: front',
      'value: "[::]:7000"',
      '- name: SHM_LIVENESS_EXPECT\n          value: grabber,sorter',
      '- name: SHM_LIVENESS_MIN\n          value: "2"',
      'periodSeconds: 3',
      'failureThreshold: 4',
      'port: 7000',
      'image: a/b:1',
      'runAsUser: 7',
    ]) {
      expect(done.stdout).toContain(part)
    }
    expect(done.stdout).not.toContain('startupProbe')
  })

  it.each([
    ['with a directive', '%YAML 1.1\n---\n', '...\n'],
    ['with a comment and a directive', '# a\r\n\n%YAML 1.1\n---\n', '...\n'],
    ['with a mark', '---\n', ''],
    ['with neither', '', '---\n'],
  ])('joins inputs to one stream that can be read, if one begins %s', async (_, head, between) => {
    const radar = pod.replaceAll('camera', 'radar')
    const done = await shmLiveness(['wire', fileOf(pod.replace(/\n$/, '')), fileOf(`${head}${radar}`)])
    expect(done.stdout).toContain(`\n${between}${head}`)
    const again = await shmLiveness(['wire', '--container', 'radar', '--container', 'camera'], done.stdout)
    expect(again).toEqual(done)
    // An end that is there is not written again.
    const ended = await shmLiveness(['wire', fileOf(`${pod}...\n`), fileOf(`${head}${radar}`)])
    expect(ended.stdout.split('\n...\n')).toHaveLength(2)
    expect(await shmLiveness(['wire'], ended.stdout)).toEqual(ended)
  })

  it('is told an ENTRYPOINT as words or as a JSON list', async () => {
    const unknown = pod.replace('      command: [camera]\n', '')
    expect(await shmLiveness(['wire', '--guard'], unknown)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('--command'),
    })
    const asWords = await shmLiveness(['wire', '--guard', '--command', 'node  main.js'], unknown)
    const asJson = await shmLiveness(['wire', '--guard', '--command', '["node", "main.js"]'], unknown)
    expect(asWords.stdout).toContain('- --\n        - node\n        - main.js\n')
    expect(asJson).toEqual(asWords)
  })

  it('picks containers by name, all over the input', async () => {
    const two = pod
      .replace('spec:', 'spec: # two')
      .replace('    - name: camera\n', '    - name: other\n    - name: camera\n')
    expect(await shmLiveness(['wire'], two)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('(other, camera)'),
    })
    const done = await shmLiveness(['wire', '--container', 'other'], `${pod}---\n${two}`)
    expect(done.stdout.startsWith(`${pod}---\n`)).toBe(true)
    expect(done.stdout).toContain('value: other')
    expect(done.stdout).not.toContain('value: camera')
    const all = await shmLiveness(['wire', '--all-containers'], two)
    expect(all.stdout).toContain('value: other')
    expect(all.stdout).toContain('value: camera')
    expect(await shmLiveness(['wire', '--container', 'none'], pod)).toMatchObject({
      code: 4,
      stderr: 'shm-liveness: no pod has a container "none", they have camera; name one that is there\n',
    })
  })

  it('wants each container that is named somewhere in the input, and one for a command', async () => {
    const radar = pod.replaceAll('camera', 'radar')
    const named = (...names: string[]) => names.flatMap((name) => ['--container', name])
    expect(await shmLiveness(['wire', ...named('camera', 'radar'), fileOf(pod), fileOf(radar)])).toMatchObject({
      code: 0,
    })
    const file = fileOf(`${pod}---\n${radar}`)
    const misspelt = await shmLiveness(['wire', '--in-place', ...named('camera', 'raddar'), file])
    expect(misspelt).toMatchObject({ code: 4, stdout: '' })
    expect(misspelt.stderr).toContain('no pod has a container "raddar", they have camera, radar;')
    const untold = `${pod}---\n${radar}`.replace(/ +command: .*\n/g, '')
    const args = ['wire', '--guard', '--command', '/entry serve']
    const twice = await shmLiveness([...args, '--all-containers'], untold)
    expect(twice).toMatchObject({ code: 4, stdout: '' })
    expect(twice.stderr).toContain('Pod/camera, container "camera", Pod/radar, container "radar"')
    expect(await shmLiveness([...args, '--container', 'radar'], untold)).toMatchObject({ code: 0 })
  })
})

describe('what wire cannot do', () => {
  it.each([
    ['an unknown flag', ['wire', '--contaner', 'a'], "unknown option '--contaner'"],
    ['an unknown command', ['wires'], "unknown command 'wires'"],
    ['a setting that is none', ['wire', '--liveness', 'fast'], 'periodSeconds=1,failureThreshold=2'],
    ['a setting that the API has not', ['wire', '--liveness', 'period=1'], 'period'],
    ['a value that the API refuses', ['wire', '--liveness', 'periodSeconds=0'], 'liveness.periodSeconds'],
    ['a grace for readiness', ['wire', '--readiness', 'terminationGracePeriodSeconds=1'], 'readiness'],
    ['another way to ask', ['wire', '--via', 'tcp'], 'exec or httpGet'],
    ['both ways to pick', ['wire', '--container', 'a', '--all-containers'], 'either'],
    ['two outputs', ['wire', '--diff', '--in-place', 'a'], 'either'],
    ['standard input in place', ['wire', '--in-place'], 'needs files'],
    ['a guard flag that wire decides', ['wire', '--guard-flag=--listen=0.0.0.0:9000'], 'say port and address (--port'],
    ['words that are no list', ['wire', '--command', '["a'], 'JSON list'],
    ['words with quotes', ['wire', '--guard', '--command', '/entry "a b" c'], 'JSON list'],
    ["words with a shell's other quotes", ['wire', '--guard', '--command', "/entry 'a b'"], 'JSON list'],
    ['words with an escape', ['wire', '--guard', '--command', '/entry a\\ b'], 'JSON list'],
    ['a list with an empty name', ['wire', '--expect', 'a,,b'], 'expect: names of'],
    ['no number of workers', ['wire', '--min', 'some'], 'whole number'],
    ['a user that is none', ['wire', '--run-as-user', 'nobody'], 'inherit'],
  ])('is usage, if it is %s', async (_what, args, reason) => {
    const done = await shmLiveness(args, pod)
    expect(done).toMatchObject({ code: 2, stdout: '' })
    expect(done.stderr).toContain(reason)
  })

  it.each<[string, string | Buffer, string]>([
    ['a tab for indentation', 'kind: Pod\nspec:\n\tcontainers: []\n', 'stdin:3:1: no valid YAML: Tabs'],
    ['a key that is there twice', 'a: 1\nb: 2\na: 3\n', 'stdin:3:1: no valid YAML: Map keys must be unique'],
    ['an alias of nothing', 'a: *b\n', 'stdin:1: no valid YAML: Unresolved alias'],
    ['a list that is not closed', 'a: [1\n', 'no valid YAML'],
    [
      'an alias that explodes',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[...'bcdefgh'].map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]`).join('\n')}\n`,
      'no valid YAML: Excessive alias count',
    ],
    ['bytes that are no UTF-8', Buffer.from([0x61, 0xff, 0xfe]), 'stdin: it is not UTF-8 text'],
  ])('is %s, which cannot be read', async (_what, text, reason) => {
    const done = await shmLiveness(['wire'], text)
    expect(done).toMatchObject({ code: 3, stdout: '' })
    expect(done.stderr).toContain(reason)
  })

  it('is about an item of a list, and has the line of that item', async () => {
    const item = (kind: string, probe: string) =>
      `- kind: ${kind}\n  spec:\n    template:\n      spec:\n        containers:\n        - {name: camera${probe}}\n`
    const other = ', readinessProbe: {httpGet: {port: 80}}'
    const list = `kind: List\nitems:\n${item('Deployment', '')}${item('DaemonSet', other)}${item('Job', '')}`
    expect(await shmLiveness(['wire'], list)).toEqual({
      code: 4,
      stdout: '',
      stderr: expect.stringContaining('stdin:12: DaemonSet, container "camera": it has a readinessProbe already'),
    })
  })

  it('is a file that is not there, or a directory', async () => {
    expect(await shmLiveness(['wire', '/no/such.yaml'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('/no/such.yaml: ENOENT'),
    })
    expect(await shmLiveness(['wire', folder])).toMatchObject({ code: 3, stderr: expect.stringContaining('EISDIR') })
  })
})
