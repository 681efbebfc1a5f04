import type { V1Pod } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { statusesOf } from './support/describe-pod.js'
import { hasSidecar, leavesService } from './support/pods.js'
import { hasCluster, patiently, settings, useNamespace } from './support/use-namespace.js'

const namespace = useNamespace('readiness')

/** Until the first answer, and between two turns of the worker. */
const turnSeconds = 2 * settings.beatSeconds + patiently(60)

type Question = (pod: V1Pod) => boolean | undefined

/** Follows an answer as it turns: ready, not ready, ready. */
async function follow(pod: string, what: string, ask: Question): Promise<void> {
  for (const wanted of [true, false, true]) {
    const title = `${what} ${wanted ? 'ready' : 'not ready'}`
    await namespace().waitFor(pod, title, (now) => ask(now) === wanted || undefined, turnSeconds)
  }
}

const podIsReady: Question = (pod) =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')

const containerIsReady =
  (name: string): Question =>
  (pod) =>
    statusesOf(pod).find((status) => status.name === name)?.ready

async function restartsOf(pod: string): Promise<number> {
  return statusesOf(await namespace().read(pod)).reduce((sum, { restartCount }) => sum + restartCount, 0)
}

describe.skipIf(!hasCluster)('on a real kubelet', () => {
  it('a worker that is not ready takes its pod out of service, and back, without a restart', async () => {
    const pod = await namespace().create(leavesService(settings))
    await follow(pod, 'Ready condition', podIsReady)
    expect(await restartsOf(pod)).toBe(0)
    const messages = (await namespace().events(pod)).map(({ message }) => message?.trim())
    expect(messages).toContainEqual(expect.stringMatching(/^Readiness probe failed: not-ready: loop/))
  })

  it("a native sidecar answers readiness by httpGet, and nobody's liveness", async () => {
    const pod = await namespace().create(hasSidecar(settings))
    await follow(pod, 'sidecar', containerIsReady('watcher'))
    expect(containerIsReady('camera')(await namespace().read(pod))).toBe(true)
    expect(await restartsOf(pod)).toBe(0)
    const messages = (await namespace().events(pod)).map(({ message }) => message?.trim())
    expect(messages).toContainEqual(
      expect.stringMatching(/^Readiness probe failed: HTTP probe failed with statuscode: 503/),
    )
  })
})
