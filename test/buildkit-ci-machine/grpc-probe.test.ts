/** What a careful user takes today, the kubelet's grpc probe, beside this watcher, over the same daemon. */
import { describe, expect, it } from 'vitest'
import { grpcProbe } from './kubelet-probes.js'
import { DaemonPod } from './scene.js'

describe('where builds hang', () => {
  it('the grpc probe passes, and the watcher has the daemon ended', async () => {
    const pod = await DaemonPod.start({ watch: ['--told-after', '500ms', '--ended-after', '1500ms'] })
    await pod.tell('begin a [1/1] RUN make')
    await pod.watcher.complained('stalled: no progress in [1/1] RUN make')
    expect((await grpcProbe(pod.socket, 30)).passed).toBe(true)
    expect((await pod.guard.ended).code).toBe(120)
  })

  it('at a lock of the daemon, too', async () => {
    const pod = await DaemonPod.start({ watch: ['--api-answer', '2s'] })
    await pod.tell('hang history')
    await pod.watcher.complained('stalled: no answer to ListenBuildHistory')
    expect((await grpcProbe(pod.socket, 30)).passed).toBe(true)
    expect((await pod.guard.ended).code).toBe(120)
  })
})

describe('where a busy daemon is slow', () => {
  it('each grpc probe fails, which restarts it after three; the watcher waits', async () => {
    const pod = await DaemonPod.start()
    await pod.tell('begin a [1/1] RUN make')
    await pod.tell('chatter a [1/1] RUN make')
    await pod.tell('slow 1500')
    const probes: boolean[] = []
    for (let turn = 0; turn < 3; turn++) probes.push((await grpcProbe(pod.socket)).passed)
    expect(probes).toEqual([false, false, false])
    await pod.looks(2)
    await pod.expectDaemonAlive()
    expect(pod.guard.stderr).toBe('')
  })
})
