import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { statusesOf } from './support/describe-pod.js'
import { type Difference, differenceText, isTold, spreadOf } from './support/noise.js'
import { sharesProcesses, stallsAlways, stallsOnce, unrestricted } from './support/pods.js'
import { RunLog } from './support/run-log.js'
import { hasCluster, patiently, settings, useNamespace } from './support/use-namespace.js'

const namespace = useNamespace('restarts')

/** From a pod's creation until its worker is ready: an image that is there, a startup probe each 5 s. */
const startSeconds = patiently(60)
/** From a stall until the container runs again: two failures, 5 s of grace, a start. */
const restartSeconds = settings.beatSeconds + patiently(60)

const statusOf = (pod: V1Pod, name: string): V1ContainerStatus | undefined =>
  statusesOf(pod).find((status) => status.name === name)

const isReady = (pod: V1Pod): true | undefined =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') || undefined

describe.skipIf(!hasCluster)('on a real kubelet', () => {
  it('a wired pod is admitted at the restricted level, which refuses others', async () => {
    await expect(
      namespace().create(unrestricted(settings)),
      'the API server enforces no Pod Security level, or exempts this user or runtime class from it',
    ).rejects.toThrow(/violates PodSecurity/)
    const pod = await namespace().create(stallsOnce(settings))
    await namespace().waitFor(pod, 'the Ready condition', isReady, startSeconds)
  })

  it('a stall restarts the container, and the reason is in its last state and in an event', async () => {
    const pod = await namespace().create(stallsOnce(settings))
    await namespace().waitFor(pod, 'the Ready condition', isReady, startSeconds)
    const again = await namespace().waitFor(
      pod,
      'restart of a container that runs again',
      (now) => {
        const status = statusOf(now, 'camera')
        return status?.restartCount === 1 && status.state?.running !== undefined ? status : undefined
      },
      restartSeconds,
    )
    expect(again.lastState?.terminated?.message).toMatch(/^stalled: loop last beat .* ago \(limit /)
    expect(again.lastState?.terminated?.exitCode).toBe(137) // a stalled loop is deaf to SIGTERM
    await namespace().waitFor(
      pod,
      'event "Liveness probe failed: stalled: …"',
      async () => {
        const events = await namespace().events(pod)
        return events.find(({ message }) => message?.startsWith('Liveness probe failed: stalled: loop last beat '))
      },
      patiently(20),
    )
    await namespace().waitFor(pod, 'the Ready condition once more', isReady, startSeconds)
  })

  it('in a shared process namespace a stall restarts the container it is in, and no other', async () => {
    const pod = await namespace().create(sharesProcesses(settings))
    await namespace().waitFor(pod, 'the Ready condition', isReady, startSeconds)
    await namespace().waitFor(
      pod,
      'restart of the radar',
      (now) => statusOf(now, 'radar')?.restartCount === 1 || undefined,
      restartSeconds,
    )
    const ready = await namespace().waitFor(
      pod,
      'the Ready condition once more',
      (now) => isReady(now) && now,
      startSeconds,
    )
    expect(statusOf(ready, 'radar')?.lastState?.terminated?.message).toMatch(/^stalled: loop last beat /)
    expect(statusOf(ready, 'radar')?.restartCount).toBe(1)
    expect(statusOf(ready, 'camera')?.restartCount).toBe(0)
  })

  it('the guard restarts in place, and sooner than the kubelet does', async () => {
    const restarts = 3
    const pods = [
      await namespace().create(stallsAlways(settings, 'by-kubelet')),
      await namespace().create(stallsAlways(settings, 'by-guard', { guard: { restart: 100 } })),
    ]
    const recoveries = await Promise.all(
      pods.map((pod) => {
        const log = new RunLog(namespace(), pod, 'camera')
        return namespace().waitFor(
          pod,
          `${restarts} restarts in its log`,
          async () => {
            await log.collect()
            const seen = log.recoveries()
            return seen.length >= restarts ? seen.slice(0, restarts) : undefined
          },
          // Before them the kubelet waits for 0, 10 and 20 s at most: containers that live longer are started at once.
          startSeconds + 30 + restarts * restartSeconds,
        )
      }),
    )
    const seconds = recoveries.map((each) => each.map(({ stalledMs, againMs }) => (againMs - stalledMs) / 1000))
    const [kubelet = [], guard = []] = seconds
    console.log(`\nfrom the stall until the worker runs again (max age ${settings.maxAge}), in seconds`)
    // The kubelet's may grow by its back-off. The guard's are alike, and what they differ by is noise.
    const spread = spreadOf(guard)
    const saved = kubelet.map((byKubelet, i) => ({ median: byKubelet - (guard[i] as number), spread }))
    console.table(
      kubelet.map((byKubelet, i) => ({
        restart: i + 1,
        'by the kubelet': byKubelet,
        'by the guard, in place': guard[i],
        'the guard saves': differenceText(saved[i] as Difference, 's'),
      })),
    )
    for (const [i, each] of saved.entries()) {
      if (isTold(each)) expect(each.median, `restart ${i + 1}`).toBeGreaterThan(0)
    }
    const guarded = await namespace().read('by-guard')
    expect(statusOf(guarded, 'camera')?.restartCount).toBe(0)
  })
})
