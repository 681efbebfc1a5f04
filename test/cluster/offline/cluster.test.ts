import { KubeConfig, type V1ContainerState, type V1Pod, type V1PodStatus } from '@kubernetes/client-node'
import { afterEach, describe, expect, it } from 'vitest'
import { Cluster, type Namespace, retried } from '../support/cluster.js'
import { type Behaviour, FakeApiServer } from '../support/fake-api-server.js'
import { nodeCpuMsPerSecond } from '../support/node-cpu.js'
import { stallsOnce } from '../support/pods.js'
import { recoveriesIn } from '../support/run-log.js'
import { settingsFrom } from '../support/settings.js'

const servers: FakeApiServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

async function clusterThat(behaviour: Behaviour): Promise<{ server: FakeApiServer; cluster: Cluster }> {
  const server = await FakeApiServer.start(behaviour)
  servers.push(server)
  const config = new KubeConfig()
  config.loadFromString(server.kubeconfig)
  return { server, cluster: new Cluster(config, 'run-1') }
}

async function namespaceThat(behaviour: Behaviour): Promise<{ server: FakeApiServer; namespace: Namespace }> {
  const { server, cluster } = await clusterThat(behaviour)
  return { server, namespace: await cluster.createNamespace('test-a') }
}

const pod = stallsOnce(settingsFrom({}))

function statusWith(state: V1ContainerState, more: Partial<V1PodStatus> = {}): V1PodStatus {
  const camera = { name: 'camera', image: 'worker:1', imageID: '', ready: false, restartCount: 0, state }
  return { phase: 'Pending', containerStatuses: [camera], ...more }
}

const isRunning = (now: V1Pod): true | undefined => now.status?.phase === 'Running' || undefined

describe('waiting for a pod', () => {
  it('ends with the answer', async () => {
    const { namespace } = await namespaceThat({
      status: (_pod, reads) => ({ phase: reads < 3 ? 'Pending' : 'Running' }),
    })
    const name = await namespace.create(pod)
    expect(await namespace.waitFor(name, 'start', isRunning, 5)).toBe(true)
  })

  it('ends in time, with the state of the pod', async () => {
    const waiting = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } }
    const { namespace } = await namespaceThat({ status: () => statusWith(waiting) })
    const name = await namespace.create(pod)
    await expect(namespace.waitFor(name, 'start', isRunning, 1)).rejects.toThrow(
      /no start within 1 s.*\nphase Pending[\s\S]*container camera: waiting, CrashLoopBackOff: back-off 10s/,
    )
  })

  it('ends at once where there is no hope, with the remedy', async () => {
    const waiting = { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } }
    const { namespace } = await namespaceThat({ status: () => statusWith(waiting) })
    const name = await namespace.create(pod)
    await expect(namespace.waitFor(name, 'start', isRunning, 60)).rejects.toThrow(
      /ImagePullBackOff: no such image[\s\S]*npm run images/,
    )
  })

  it('ends with the words of the API server, if that refuses', async () => {
    const { namespace } = await namespaceThat({
      refuse: (method, path) =>
        method === 'GET' && /\/pods\//.test(path) ? { status: 403, message: 'not you' } : undefined,
    })
    const name = await namespace.create(pod)
    await expect(namespace.waitFor(name, 'start', isRunning, 60)).rejects.toThrow(/not you/)
  })
})

describe('creating a pod', () => {
  it('waits for the service account of a new namespace', async () => {
    let tries = 0
    const { namespace, server } = await namespaceThat({
      refuse: (method, path) =>
        method === 'POST' && path.endsWith('/pods') && ++tries < 3
          ? {
              status: 403,
              message: 'error looking up service account test-a/default: serviceaccount "default" not found',
            }
          : undefined,
    })
    expect(await namespace.create(pod)).toBe('stalls-once')
    expect(server.pods.size).toBe(1)
  })

  it('says why a pod was not admitted', async () => {
    const { namespace } = await namespaceThat({
      refuse: (method, path) =>
        method === 'POST' && path.endsWith('/pods') ? { status: 403, message: 'violates PodSecurity' } : undefined,
    })
    await expect(namespace.create(pod)).rejects.toThrow(
      'pod "stalls-once" was not admitted: violates PodSecurity (HTTP 403)',
    )
  })
})

describe('a call to the API server', () => {
  const pausesMs = [1, 1]
  it('is made again after a failure of the server, and not after a refusal', async () => {
    for (const [status, calls] of [
      [503, 3],
      [404, 1],
    ] as const) {
      const { cluster, server } = await clusterThat({ refuse: () => ({ status, message: 'no' }) })
      await expect(retried(() => cluster.core.listNode(), pausesMs)).rejects.toThrow()
      expect(server.calls).toHaveLength(calls)
    }
  })
})

describe('the log of a container', () => {
  const logThat = async (status: number) => {
    const refuse = (_method: string, path: string) =>
      path.endsWith('/log') ? { status, message: 'no log' } : undefined
    const { namespace } = await namespaceThat({ refuse })
    return namespace.log(await namespace.create(pod), 'camera', true)
  }

  it.each([400, 404, 500])('is empty while there is none (HTTP %i)', async (status) => {
    expect(await logThat(status)).toBe('')
  })

  it('is an error, if it may not be read', async () => {
    await expect(logThat(403)).rejects.toThrow('no log')
  })
})

describe('the story of a failed test', () => {
  it('has statuses, events, the logs of both runs, and the manifest', async () => {
    const last = { terminated: { exitCode: 137, reason: 'Error', message: 'stalled: loop last beat 3s ago' } }
    const camera = { name: 'camera', image: '', imageID: '', ready: true, restartCount: 1, state: {}, lastState: last }
    const { namespace } = await namespaceThat({
      status: () => ({ phase: 'Running', containerStatuses: [camera] }),
      events: [{ type: 'Warning', reason: 'Unhealthy', message: 'Liveness probe failed', metadata: {}, count: 4 }],
      log: (container, previous) => `${container} ${previous ? 'before' : 'now'}`,
    })
    await namespace.create(pod)
    const story = await namespace.story()
    for (const text of [
      'pod test-a/stalls-once',
      'restarts 1; before: ended ?, Error, exit 137 "stalled: loop last beat 3s ago"',
      'Warning Unhealthy: Liveness probe failed (4 times)',
      'camera before',
      'camera now',
      'SAMPLE_WORKER_SCRIPT',
    ]) {
      expect(story).toContain(text)
    }
  })
})

describe('cleaning up', () => {
  it('deletes the namespaces of this run, and no other', async () => {
    const { server, cluster } = await clusterThat({})
    await cluster.createNamespace('test-a')
    await cluster.createNamespace('test-b')
    server.namespaces.set('kube-system', { metadata: { name: 'kube-system' } })
    server.namespaces.set('other-run', {
      metadata: { name: 'other-run', labels: { 'shm-liveness-tests/run': 'run-2' } },
    })
    expect(await cluster.deleteNamespaces()).toEqual(['test-a', 'test-b'])
    expect([...server.namespaces.keys()]).toEqual(['kube-system', 'other-run'])
  })
})

describe("a node's CPU", () => {
  it('is told by the times of its samples', async () => {
    const began = Date.now()
    const { cluster } = await clusterThat({
      // A sample a second, 250 ms of CPU each.
      summary: () => {
        const samples = Math.floor((Date.now() - began) / 1000)
        const time = new Date(began + samples * 1000).toISOString()
        return { node: { cpu: { time, usageCoreNanoSeconds: 7e9 + samples * 250e6 } } }
      },
    })
    expect(await nodeCpuMsPerSecond(cluster, 'node-1', 2)).toBeCloseTo(250, 3)
  })

  it('says what the API server says, if it may not be read', async () => {
    const { cluster } = await clusterThat({ refuse: () => ({ status: 403, message: 'nodes/proxy is forbidden' }) })
    await expect(nodeCpuMsPerSecond(cluster, 'node-1', 1)).rejects.toThrow(/HTTP 403: .*nodes\/proxy is forbidden/)
  })
})

describe('a log of several runs', () => {
  it('tells from when a worker stalled until one ran again', () => {
    const lines = [
      '1700000000000 claimed by uid 1, pid 1',
      '1700000010000 stall',
      '1700000012500 claimed by uid 1, pid 7',
    ]
    expect(recoveriesIn([...lines, 'shm-guard: …', '1700000020000 stall'])).toEqual([
      { stalledMs: 1_700_000_010_000, againMs: 1_700_000_012_500 },
    ])
  })
})
