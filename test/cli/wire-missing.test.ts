/** What `wire` says of containers that are in no pod, and of images that nobody can pull. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { shmLiveness } from '../support/command.js'

const service = 'kind: Service\nmetadata: { name: s }\n'
const pod = 'kind: Pod\nspec:\n  containers:\n  - name: camera\n'
const pullable = ['--image', 'registry.example/shm-liveness:1']

describe('wire --container X', () => {
  it.each([
    ['without a pod', service, 'there is no pod template'],
    ['that is empty', '', 'there is no pod template'],
    ['whose pods have no X', pod, 'they have camera'],
  ])('ends a pipe with exit 4 and no output, on an input %s', async (_what, input, reason) => {
    const done = await shmLiveness(['wire', '--container', 'radar'], input)
    expect(done).toEqual({
      code: 4,
      stdout: '',
      stderr: `shm-liveness: no pod has a container "radar", ${reason}; name one that is there\n`,
    })
  })

  it('passes on such an input with --if-present, and says so', async () => {
    for (const input of [service, pod]) {
      const done = await shmLiveness(['wire', '--container', 'radar', '--if-present'], input)
      expect(done).toMatchObject({ code: 0, stdout: input })
      expect(done.stderr).toMatch(/^shm-liveness: warning: nothing was wired: no pod has a container "radar", .*\n$/)
    }
  })

  it('wires those that are present, with --if-present, and names the others', async () => {
    const args = ['wire', '--container', 'radar', '--container', 'camera', '--if-present', ...pullable]
    const done = await shmLiveness(args, pod)
    expect(done.stdout).toContain('livenessProbe')
    expect(done.stderr).toBe(
      'shm-liveness: warning: the others were wired: no pod has a container "radar", they have camera\n',
    )
  })

  it('writes no file if one of several containers is missing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shm-liveness-missing-'))
    const file = join(folder, 'pod.yaml')
    writeFileSync(file, pod)
    const args = ['wire', '--in-place', '--container', 'camera', '--container', 'radar', file]
    expect(await shmLiveness(args)).toMatchObject({ code: 4 })
    expect(readFileSync(file, 'utf8')).toBe(pod)
    rmSync(folder, { recursive: true })
  })

  it('is needed for --if-present', async () => {
    expect(await shmLiveness(['wire', '--if-present'], pod)).toMatchObject({ code: 2, stdout: '' })
  })
})

describe('an image of localhost/', () => {
  const warnings = async (args: string[], input = pod) => {
    const { stderr } = await shmLiveness(['wire', ...args], input)
    return stderr.split('\n').filter((line) => line !== '')
  }

  it('is said once on standard error, wherever it comes from', async () => {
    const two = `${pod}---\n${pod}`
    expect(await warnings([], two)).toEqual([
      expect.stringContaining('no cluster can pull the image localhost/shm-liveness:'),
    ])
    expect(await warnings(['--image', 'localhost/mine:1'])).toEqual([expect.stringContaining('image localhost/mine:1')])
    const { stdout } = await shmLiveness(['wire'], pod)
    expect(await warnings(['--diff'], stdout)).toHaveLength(1)
  })

  it('is no matter where nothing is wired, a registry has it, or nodes have it', async () => {
    const { stdout } = await shmLiveness(['wire'], pod)
    const never = stdout.replace(/^( +)image: localhost/m, '$1imagePullPolicy: Never\n$&')
    expect(await warnings([], service)).toEqual(['shm-liveness: warning: nothing was wired: there is no pod template'])
    expect(await warnings(['--image', 'localhost:5000/shm-liveness:1'])).toEqual([])
    expect(await warnings(pullable)).toEqual([])
    expect(never).not.toBe(stdout)
    expect(await warnings([], never)).toEqual([])
  })
})
