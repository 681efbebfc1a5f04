/** The plug-in with the real kubectl, which finds it on PATH by its name. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { untilHolds } from '../support/until.js'
import { samplePod, withoutProgram } from './support/pods.js'
import { hasCluster, patiently, settings, useNamespace } from './support/use-namespace.js'

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0
if (hasCluster && !hasKubectl)
  console.error('\nSKIPPED the plug-in of kubectl on a real cluster: kubectl is not on PATH\n')

const namespace = useNamespace('kubectl')
const folder = mkdtempSync(join(tmpdir(), 'plug-in-'))
symlinkSync(join(import.meta.dirname, '../../dist/cli/kubectl/main.js'), join(folder, 'kubectl-liveness'))
afterAll(() => rmSync(folder, { recursive: true }))

/** With what kubectl knows of the pods, to explain a failure. */
function liveness(...args: string[]) {
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` }
  const words = ['liveness', ...args, '-n', namespace().name]
  const { status, stdout, stderr, error } = spawnSync('kubectl', words, { env, encoding: 'utf8' })
  return { code: status, stdout, stderr: error === undefined ? stderr : `${stderr}${error.message}` }
}

const answers = (what: string, args: string[], holds: (done: ReturnType<typeof liveness>) => boolean) =>
  untilHolds(`kubectl liveness ${args.join(' ')}: ${what}`, () => liveness(...args), holds, patiently(120) * 1000)

describe.skipIf(!hasCluster || !hasKubectl)('kubectl liveness', () => {
  it('has the workers of a pod, and exits 0', async () => {
    const pod = await namespace().create(samplePod(settings, 'beats', 'ready'))
    const { stdout } = await answers('it is healthy', ['status', pod], ({ code }) => code === 0)
    expect(stdout).toMatch(new RegExp(`^${pod}/camera: healthy\n.*\n\\S+ +running +yes`))
    const once = liveness('top', '--once', '--interval', '1s')
    expect(once).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`^${pod} +\\S+ +running`, 'm')) })
  })

  it('says which worker stalls, and exits 1', async () => {
    // Its probes would restart it before anybody can look.
    const options = { liveness: { periodSeconds: 60 }, readiness: false, startup: false } as const
    const pod = await namespace().create(samplePod(settings, 'stalls', 'ready,beat:1s,stall', options))
    const { stdout } = await answers('it stalls', ['status', pod], ({ code }) => code === 1)
    expect(stdout).toMatch(new RegExp(`^${pod}/camera: stalled: `))
  })

  it('has the reason for a pod that does not run, and exits 3', async () => {
    const pod = await namespace().create(withoutProgram(settings))
    const { stdout } = await answers(
      'it waits',
      ['status', pod],
      ({ code, stdout }) => code === 3 && stdout.includes('is waiting'),
    )
    expect(stdout).toContain(`${pod}/camera: container "camera" is waiting: PodInitializing`)
  })
})
