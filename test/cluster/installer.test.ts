import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { withoutProgram, withoutRoom } from './support/pods.js'
import { hasCluster, patiently, settings, useNamespace } from './support/use-namespace.js'

const namespace = useNamespace('installer')

/** A program that is not there takes a minute to fail under Kata (kata-containers#8026). */
const failureSeconds = patiently(90)

/** What the statuses and the events say of the installer. */
async function wordsOf(pod: V1Pod): Promise<string> {
  const { state, lastState } = installerOf(pod) ?? {}
  const events = await namespace().events(pod.metadata?.name ?? '')
  return [
    ...[state?.waiting, state?.terminated, lastState?.terminated].map((each) => `${each?.reason}: ${each?.message}`),
    ...events.map(({ message }) => message),
  ].join('\n')
}

function installerOf(pod: V1Pod): V1ContainerStatus | undefined {
  return pod.status?.initContainerStatuses?.find(({ name }) => name === 'shm-liveness')
}

/** It is pending, and its own container was never started: that is what a probe that nobody noticed would not do. */
function expectNotStarted(pod: V1Pod): void {
  expect(pod.status?.phase).toBe('Pending')
  const [camera] = pod.status?.containerStatuses ?? []
  expect(camera?.started ?? false).toBe(false)
  expect(camera?.state?.waiting?.reason).toBe('PodInitializing')
}

describe.skipIf(!hasCluster)('on a real kubelet', () => {
  it('a pod whose image lacks the probe does not start, and says what is missing', async () => {
    const name = await namespace().create(withoutProgram(settings))
    const failed = await namespace().waitFor(
      name,
      'word of the program that is missing',
      async (pod) => (/\/?shm-probe/.test(await wordsOf(pod)) ? pod : undefined),
      failureSeconds,
    )
    expectNotStarted(failed)
  })

  it('a pod whose probe cannot be installed does not start, and its status says why', async () => {
    const name = await namespace().create(withoutRoom(settings))
    const ended = await namespace().waitFor(
      name,
      'end of its installer',
      (pod) => {
        const { state, lastState } = installerOf(pod) ?? {}
        const terminated = state?.terminated ?? lastState?.terminated
        return terminated && { pod, terminated }
      },
      failureSeconds,
    )
    expect(ended.terminated.exitCode).toBe(3)
    expect(ended.terminated.message).toMatch(/cannot copy into \/shm-liveness/)
    expectNotStarted(ended.pod)
  })
})
