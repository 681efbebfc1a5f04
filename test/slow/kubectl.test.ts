/** The plug-in of kubectl, over real regions and the real shm-probe; only kubectl and the cluster are not real. */
import { mkdtempSync, rmSync } from 'node:fs'
import { Readable } from 'node:stream'
import { Heartbeat } from 'shm-liveness'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { runPlugin } from '../../dist/cli/kubectl/program.js'
import { container, FakeKubectl, running, wiredPod } from '../support/fake-kubectl.js'

const dir = mkdtempSync('/dev/shm/test-kubectl-')
const kubectl = new FakeKubectl()
const heartbeats = ['vision', 'sound'].map((region) => {
  const heartbeat = Heartbeat.claim({ region, name: `${region}-loop`, maxAge: '90s', dir })
  heartbeat.beat()
  return heartbeat
})
afterAll(() => {
  for (const heartbeat of heartbeats) heartbeat.stop()
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(() => kubectl.forgetCalls())

const of = (region: string, more: Record<string, string> = {}) =>
  container({ SHM_LIVENESS_REGION: region, SHM_LIVENESS_DIR: dir, ...more })

async function plugin(...args: string[]) {
  const texts = { stdout: '', stderr: '' }
  const collect = (name: keyof typeof texts) => ({ write: (text: string) => (texts[name] += text) })
  const streams = { stdin: Readable.from([]), stdout: collect('stdout'), stderr: collect('stderr') }
  const code = await runPlugin(args, streams)
  return { code, ...texts }
}

const inUse = { labels: { app: 'camera' } }
const forbidden =
  'Error from server (Forbidden): pods "locked" is forbidden: User "ann" cannot create resource "pods/exec" in API group "" in the namespace "default"'
const noProgram =
  'error: Internal error occurred: error executing command in container: failed to exec in container: exec: "/shm-liveness/shm-probe": stat /shm-liveness/shm-probe: no such file or directory: unknown'
const waiting = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s restarting failed container' } }

kubectl.add(wiredPod('camera-0', { region: 'vision' }, inUse), { camera: of('vision') })
kubectl.add(wiredPod('camera-1', { region: 'sound', via: 'httpGet' }, inUse), { camera: of('sound') })
kubectl.add(wiredPod('dead-0', { region: 'gone' }), { camera: of('gone', { SHM_LIVENESS_STARTUP_GRACE: '0' }) })
kubectl.add(wiredPod('locked'), { camera: { stderr: forbidden } })
kubectl.add(wiredPod('empty', {}, { namespace: 'other' }), { camera: { stderr: noProgram } })
kubectl.add(wiredPod('loops', {}, { state: waiting }))
kubectl.add({
  metadata: { name: 'plain', namespace: 'default' },
  spec: { containers: [{ name: 'web', image: 'web:1' }] },
  status: { phase: 'Running', containerStatuses: [{ name: 'web', state: running }] },
})

describe('kubectl liveness status', () => {
  it('is the verdict and the workers of a pod, by one exec of its own probe', async () => {
    const { code, stdout, stderr } = await plugin('status', 'camera-0')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(
      /^camera-0\/camera: healthy\nWORKER +STATE .*\nvision-loop +running +no +[\d.]+ m?s +1 min 30 s/,
    )
    expect(kubectl.execs).toEqual([
      [
        ...['-n', 'default', 'exec', 'camera-0', '-c', 'camera', '--', '/shm-liveness/shm-probe'],
        ...['--check', 'liveness', '--timeout', '2s', '--termination-log=/dev/null', '--json'],
      ],
    ])
  })

  it('asks the probe that lies beside a guard, where the kubelet asks the guard', async () => {
    expect(await plugin('status', 'pod/camera-1')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('sound-loop  running'),
    })
  })

  it('exits 1 if a check fails, and says why', async () => {
    const { code, stdout } = await plugin('status', 'camera-0', 'dead-0', 'locked')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^dead-0\/camera: missing: /m)
  })

  it.each([
    ['locked', 'locked/camera: Error from server (Forbidden): pods "locked" is forbidden: User "ann"'],
    ['loops', 'loops/camera: container "camera" is waiting: CrashLoopBackOff, back-off 5m0s'],
    ['plain', 'plain: not wired: no container has a probe that execs shm-probe'],
    ['nobody', 'nobody: not found\n'],
  ])('exits 3 over %s, which cannot be asked, and says why', async (pod, reason) => {
    const { code, stdout } = await plugin('status', pod)
    expect({ code, stdout }).toEqual({ code: 3, stdout: expect.stringContaining(reason) })
  })

  it('passes the flags of kubectl on, and gives JSON', async () => {
    const { code, stdout } = await plugin('status', 'empty', '-n', 'other', '--as', 'ann', '--context=prod', '--json')
    const words = ['--context=prod', '--as=ann']
    expect(kubectl.calls.map((args) => args.slice(0, 2))).toEqual([words, words])
    const unreadable = expect.stringMatching(/^Internal error occurred: .*no such file or directory/)
    expect({ code, found: JSON.parse(stdout) }).toEqual({
      code: 3,
      found: [{ namespace: 'other', pod: 'empty', container: 'camera', unreadable }],
    })
  })

  it("exits 3 with kubectl's reason, and 2 over a wrong flag", async () => {
    expect(await plugin('status', 'camera-0', '--context', 'none')).toEqual({
      code: 3,
      stdout: '',
      stderr: 'kubectl-liveness: kubectl get pods: context "none" does not exist\n',
    })
    for (const args of [['--contxt', 'a'], ['--concurrency', '0'], ['--timeout', '5'], []]) {
      expect(await plugin('status', ...args, ...(args.length > 0 ? ['camera-0'] : []))).toMatchObject({ code: 2 })
    }
  })
})

describe('kubectl liveness top', () => {
  it('is the workers of a selector, by one exec a pod and look', async () => {
    const { code, stdout } = await plugin('top', '-l', 'app=camera', '--once', '--interval', '100ms')
    const rows = stdout.split('\n').map((line) => line.split(/ {2,}/).slice(0, 3))
    expect({ code, rows }).toEqual({
      code: 0,
      rows: [
        ['POD', 'WORKER', 'STATE'],
        ['camera-0', 'vision-loop', 'running'],
        ['camera-1', 'sound-loop', 'running'],
        [''],
      ],
    })
    expect(kubectl.execs).toHaveLength(4)
  })

  it('has a row with the reason for each pod that cannot be asked', async () => {
    const { code, stdout } = await plugin('top', '-A', '--once', '--json', '--interval', '100ms', '--concurrency', '2')
    const look = JSON.parse(stdout)
    expect({ code, workers: look.workers.length, leftOut: look.leftOut }).toEqual({
      code: 1, // dead-0
      workers: 2,
      leftOut: ['1 left out: not wired'],
    })
    expect(look.unreadable).toEqual([
      { pod: 'default/locked', reason: expect.stringContaining('is forbidden') },
      { pod: 'other/empty', reason: expect.stringContaining('no such file') },
      { pod: 'default/loops', reason: expect.stringContaining('CrashLoopBackOff') },
    ])
  })
})

describe('a container that lies', () => {
  it('moves no cursor, and is not believed to be of another shape', async () => {
    const worker = { name: '\u001b[2Jevil\u202e', condition: 'fine', region: 7, where: ['\u001b]0;title\u0007'] }
    const answers = {
      evil: JSON.stringify({ healthy: true, verdict: 'healthy', workers: [worker, null, 3] }),
      odd: JSON.stringify({ healthy: 'yes', workers: {} }),
      text: 'hello\n',
    }
    for (const [name, stdout] of Object.entries(answers)) {
      kubectl.add(wiredPod(name), { camera: { stdout, stderr: '' } })
    }
    const { code, stdout } = await plugin('status', ...Object.keys(answers))
    expect(code).toBe(3)
    expect(stdout).not.toMatch(/[^\n\P{C}]/u)
    expect(stdout).toContain('?[2Jevil?  unusable')
    for (const name of ['odd', 'text'])
      expect(stdout).toMatch(new RegExp(`^${name}/camera: .*not the JSON of shm-probe`, 'm'))
  })
})
