/** Each scenario against an API server that shows what a real kubelet would: so a failure on a cluster is the cluster's. */
import type { V1ContainerState, V1ContainerStatus, V1Pod, V1PodStatus } from '@kubernetes/client-node'
import { it } from 'vitest'
import type { Behaviour } from '../support/fake-api-server.js'
import { Run } from '../support/run.js'

const running: V1ContainerState = { running: { startedAt: new Date(0) } }
const stalled = 'stalled: loop last beat 3s ago (limit 500ms), pid 1 S (sleeping)\n'

function container(name: string, fields: Partial<V1ContainerStatus> = {}): V1ContainerStatus {
  return { name, image: '', imageID: '', ready: true, started: true, restartCount: 0, state: running, ...fields }
}

function restarted(name: string, isRestarted: boolean): V1ContainerStatus {
  const terminated = { exitCode: 137, reason: 'Error', message: stalled }
  return container(name, isRestarted ? { restartCount: 1, lastState: { terminated } } : {})
}

function podStatus(isReady: boolean, containers: V1ContainerStatus[], inits: V1ContainerStatus[] = []): V1PodStatus {
  const condition = { type: 'Ready', status: isReady ? 'True' : 'False' }
  return {
    phase: 'Running',
    conditions: [condition],
    containerStatuses: containers,
    initContainerStatuses: inits,
  }
}

function initializing(installer: Partial<V1ContainerStatus>): V1PodStatus {
  const camera = container('camera', {
    ready: false,
    started: false,
    state: { waiting: { reason: 'PodInitializing' } },
  })
  const shmLiveness = container('shm-liveness', { ready: false, started: false, ...installer })
  return { phase: 'Pending', containerStatuses: [camera], initContainerStatuses: [shmLiveness] }
}

/** Ready, then not, then ready: some looks each. */
const comesAndGoes = (reads: number): boolean => reads <= 2 || reads > 4

function statusOf(pod: V1Pod, reads: number): V1PodStatus {
  switch (pod.metadata?.name) {
    case 'stalls-once':
      return podStatus(true, [restarted('camera', reads > 2)])
    case 'shares-processes':
      return podStatus(true, [container('camera'), restarted('radar', reads > 2)])
    case 'leaves-service':
      return podStatus(comesAndGoes(reads), [container('camera')])
    case 'has-sidecar':
      return podStatus(true, [container('camera')], [container('watcher', { ready: comesAndGoes(reads) })])
    case 'without-program':
      return initializing({
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 128, reason: 'StartError', message: 'exec: "/shm-probe": no such file' } },
      })
    case 'without-room':
      return initializing({
        state: { terminated: { exitCode: 3, message: 'shm-probe: cannot copy into /shm-liveness: read-only' } },
      })
    default:
      return podStatus(true, [container('camera')])
  }
}

/** Three recoveries, of 7 s each by the kubelet and half a second by the guard. */
function logOf(_container: string, previous: boolean, pod: string): string {
  const recoveryMs = pod === 'by-guard' ? 500 : 7_000
  const lines = [0, 1, 2].flatMap((i) => {
    const stallMs = 1_700_000_000_000 + i * 100_000
    return [`${stallMs} stall`, `${stallMs + recoveryMs} claimed by uid 65532, pid 1`]
  })
  return previous ? '' : lines.join('\n')
}

/** 47 ms for an exec and 1 ms for an httpGet, beside 100 ms that the node takes anyhow, each second. */
function clockedSummary(): (pods: string[]) => object {
  let [lastMs, cpuMs] = [Date.now(), 0]
  return (pods) => {
    const nowMs = Date.now()
    const costs = pods.map((name) => (name.includes('exec') ? 47 : name.includes('httpget') ? 1 : 0))
    cpuMs += ((nowMs - lastMs) / 1000) * costs.reduce((sum, cost) => sum + cost, 100)
    lastMs = nowMs
    return { node: { cpu: { time: new Date(nowMs).toISOString(), usageCoreNanoSeconds: cpuMs * 1e6 } } }
  }
}

const message = (text: string) => ({ type: 'Warning', reason: 'Unhealthy', message: text, metadata: {} })

function kubelet(): Behaviour {
  return {
    status: statusOf,
    log: logOf,
    summary: clockedSummary(),
    events: [
      message(`Liveness probe failed: ${stalled}`),
      message('Readiness probe failed: not-ready: loop told so\n'),
      message('Readiness probe failed: HTTP probe failed with statuscode: 503'),
    ],
    refuse: (method, _path, body) =>
      method === 'POST' && (body as V1Pod).metadata?.name === 'unrestricted'
        ? { status: 403, message: 'violates PodSecurity "restricted:latest": privileged' }
        : undefined,
  }
}

it.concurrent.for([
  ['restarts', 4],
  ['readiness', 2],
  ['installer', 2],
  ['cost', 1],
] as const)('%s passes', async ([file, tests], { expect, onTestFinished }) => {
  const env = { SHM_LIVENESS_COST_ROUNDS: '2', SHM_LIVENESS_COST_SECONDS: '1' }
  const run = await Run.start(file, kubelet(), env, onTestFinished)
  expect(await run.ended(), run.output).toBe(0)
  expect(run.output).toMatch(new RegExp(`Tests +${tests} passed`))
  if (file === 'restarts') expect(run.output).toMatch(/│ 2 +│ 3 +│ 7 +│ 0\.5 +│ '6\.5 s \(spread 0 s\)' +│/)
  if (file === 'cost') {
    expect(Number(/by exec.*│ '([\d.]+) ms \(spread [\d.]+ ms\)' +│$/m.exec(run.output)?.[1])).toBeCloseTo(47, -1)
    expect(run.output).toMatch(/by httpGet a probe saves: 4\d[\d.]* ms \(spread /)
  }
})
