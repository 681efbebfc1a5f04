import { describe, expect, it } from 'vitest'
import { statusesOf } from './support/describe-pod.js'
import { nodeCpuMsPerSecond } from './support/node-cpu.js'
import { type Asked, askedBy } from './support/pods.js'
import { hasCluster, patiently, settings, useNamespace } from './support/use-namespace.js'

const namespace = useNamespace('cost')
const { costPods, costSeconds } = settings

/** Ms of CPU that the node takes in a second while so many pods are asked once a second. */
async function nodeCpuWith(asked: Asked, node: string): Promise<number> {
  const pods: string[] = []
  for (let number = 1; number <= costPods; number++) {
    pods.push(await namespace().create(askedBy(settings, asked, number, node)))
  }
  for (const pod of pods) await running(pod)
  const cpu = await nodeCpuMsPerSecond(namespace().cluster, node, costSeconds)
  const restarts = await Promise.all(
    pods.map(async (pod) => statusesOf(await namespace().read(pod)).map(({ restartCount }) => restartCount)),
  )
  expect(
    restarts.flat().every((count) => count === 0),
    `restarts while asked by ${asked}`,
  ).toBe(true)
  await namespace().clear(patiently(60))
  return cpu
}

function running(pod: string): Promise<string> {
  return namespace().waitFor(
    pod,
    'running container',
    (now) => (now.status?.containerStatuses?.[0]?.state?.running === undefined ? undefined : now.spec?.nodeName),
    patiently(60),
  )
}

describe.skipIf(!hasCluster)('on a real kubelet', () => {
  it(`a probe costs the node less by httpGet than by exec (${costPods} pods at 1 Hz for ${costSeconds} s)`, async ({
    skip,
  }) => {
    const node = await running(await namespace().create(askedBy(settings, 'nobody', 0, undefined)))
    await namespace().clear(patiently(60))
    try {
      await namespace().cluster.get(`/api/v1/nodes/${encodeURIComponent(node)}/proxy/stats/summary`)
    } catch (error) {
      const why = `the node's CPU cannot be read: ${error instanceof Error ? error.message : error}`
      console.error(`\nSKIPPED the cost of probes: ${why}\nIt needs "get" on nodes/proxy, which cluster-admin has.\n`)
      skip(why)
    }
    const nobody = await nodeCpuWith('nobody', node)
    const byExec = await nodeCpuWith('exec', node)
    const byHttpGet = await nodeCpuWith('httpGet', node)
    const perProbe = (cpu: number): number => Number(((cpu - nobody) / costPods).toFixed(2))
    console.log(`\nCPU of node ${node} with ${costPods} pods, each asked once a second, over ${costSeconds} s`)
    console.table([
      { asked: 'by nobody', 'ms of CPU per second': Math.round(nobody) },
      { asked: 'by exec', 'ms of CPU per second': Math.round(byExec), 'ms per probe': perProbe(byExec) },
      { asked: 'by httpGet', 'ms of CPU per second': Math.round(byHttpGet), 'ms per probe': perProbe(byHttpGet) },
    ])
    expect(byHttpGet).toBeLessThan(byExec)
  })
})
