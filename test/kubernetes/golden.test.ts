/** Manifests of every kind, wired: test/golden/<name>.yaml becomes <name>.wired.yaml. `vitest -u` writes them anew. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { lint } from 'shm-liveness/kubernetes'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { type CommandResult, shmLiveness } from '../support/command.js'
import { validate } from '../support/schema.js'

const folder = join(import.meta.dirname, '../golden')

const cases: [name: string, ...args: string[]][] = [
  ['pod'],
  ['deployment', '--container', 'grabber', '--container', 'sorter', '--via', 'httpGet', '--restart', '3'],
  ['statefulset', '--guard', '--command', 'recorder', '--grace', '2s'],
  ['daemonset', '--replace'],
  ['replicaset'],
  ['job', '--guard'],
  ['cronjob'],
  ['list', '--container', 'camera', '--container', 'vision'],
  ['resourcelist', '--region', 'front-camera'],
  ['rollout', '--image', 'images.example/shm-liveness:2', '--run-as-user', 'inherit', '--no-readiness'],
  ['multi', '--container', 'camera', '--name', 'heartbeat', '--directory', '/opt/heartbeat'],
]

/** `wire` says so of its own image, unless another one is named. */
const warnings = (args: string[]) =>
  args.includes('--image') ? '' : expect.stringMatching(/^shm-liveness: warning: no cluster can pull the image .*\n$/)

function valuesOf(text: string): unknown[] {
  return (parseAllDocuments(text, { version: '1.1' }) as { toJS(): unknown }[]).map((document) => document.toJS())
}

describe.each(cases)('test/golden/%s.yaml', (name, ...args) => {
  const input = readFileSync(join(folder, `${name}.yaml`), 'utf8')
  let wired: CommandResult
  beforeAll(async () => {
    wired = await shmLiveness(['wire', ...args], input)
  })

  it('is wired as it was before', async () => {
    expect(wired).toMatchObject({ code: 0, stderr: warnings(args) })
    await expect(wired.stdout).toMatchFileSnapshot(join(folder, `${name}.wired.yaml`))
  })

  it('is valid by the published schema, before and after', () => {
    const values = [...valuesOf(input), ...valuesOf(wired.stdout)]
    for (const value of values) if (name !== 'rollout') validate(value)
  })

  it('is wired once and for all', async () => {
    const again = await shmLiveness(['wire', ...args], wired.stdout)
    expect(again).toEqual({ code: 0, stdout: wired.stdout, stderr: wired.stderr })
  })

  it('loses no line of its own but those of replaced probes', () => {
    const lost = input.split('\n').filter((line) => !wired.stdout.includes(line))
    const mayChange =
      /livenessProbe: null|env: \[\]|volumes: \[\]|spec: \{|cat, |readinessProbe: \*probe|command: \[node/
    expect(lost.filter((line) => !mayChange.test(line))).toEqual([])
  })

  it('is then what lint wants', () => {
    const findings = valuesOf(wired.stdout).flatMap((value) => lint(value))
    // But for the default image, which its user must push and name.
    const faults = findings.filter(({ rule, severity }) => severity !== 'note' && rule !== 'image-not-pullable')
    expect(faults).toEqual([])
  })
})

describe('test/golden', () => {
  it('has a case for each of its files', () => {
    const names = readdirSync(folder).filter((file) => !file.endsWith('.wired.yaml'))
    expect(names.sort()).toEqual(cases.map(([name]) => `${name}.yaml`).sort())
  })
})
