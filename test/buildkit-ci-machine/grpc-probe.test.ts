/** What a careful user takes today, the kubelet's grpc probe, beside this watcher, over the same daemon. */
import { credentials, Metadata } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { type HealthClient, healthService } from '../../examples/buildkit-ci/buildkit-api/services.js'
import { DaemonPod } from './scene.js'

/**
 * As `pkg/probe/grpc/grpc.go` of Kubernetes: a connection of its own for each probe, one Check, and timeoutSeconds for both.
 */
async function grpcProbe(socket: string, timeoutSeconds = 1): Promise<'pass' | 'fail'> {
  const options = { 'grpc.default_authority': 'localhost', 'grpc.use_local_subchannel_pool': 1 }
  const client = new healthService(`unix:${socket}`, credentials.createInsecure(), options) as unknown as HealthClient
  try {
    return await new Promise((resolve) =>
      client.Check({}, new Metadata(), { deadline: Date.now() + timeoutSeconds * 1000 }, (error, response) =>
        resolve(error === null && response?.status === 'SERVING' ? 'pass' : 'fail'),
      ),
    )
  } finally {
    client.close()
  }
}

describe('where builds hang', () => {
  it('the grpc probe passes, and the watcher has the daemon ended', async () => {
    const pod = await DaemonPod.start({ watch: ['--told-after', '500ms', '--ended-after', '1500ms'] })
    await pod.tell('begin a [1/1] RUN make')
    await pod.watcher.complained('stalled: no progress in [1/1] RUN make')
    expect(await grpcProbe(pod.socket, 30)).toBe('pass')
    expect((await pod.guard.ended).code).toBe(120)
  })

  it('at a lock of the daemon, too', async () => {
    const pod = await DaemonPod.start({ watch: ['--api-answer', '2s'] })
    await pod.tell('hang history')
    await pod.watcher.complained('stalled: no answer to ListenBuildHistory')
    expect(await grpcProbe(pod.socket, 30)).toBe('pass')
    expect((await pod.guard.ended).code).toBe(120)
  })
})

describe('where a busy daemon is slow', () => {
  it('each grpc probe fails, which restarts it after three; the watcher waits', async () => {
    const pod = await DaemonPod.start()
    await pod.tell('begin a [1/1] RUN make')
    await pod.tell('chatter a [1/1] RUN make')
    await pod.tell('slow 1500')
    const probes: string[] = []
    for (let turn = 0; turn < 3; turn++) probes.push(await grpcProbe(pod.socket))
    expect(probes).toEqual(['fail', 'fail', 'fail'])
    await pod.looks(2)
    await pod.expectDaemonAlive()
    expect(pod.guard.stderr).toBe('')
  })
})
