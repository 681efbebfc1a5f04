import { describe, expect, it } from 'vitest'
import { statusesOf } from './support/describe-pod.js'
import { nodeCpuMsPerSecond } from './support/node-cpu.js'
import { differenceText, isTold } from './support/noise.js'
import { type Asked, askedBy } from './support/pods.js'
import { type CpuByAsked, costRows, perProbe, turnsOf } from './support/probe-cost.js'
import { hasCluster, patiently, settings, useNamespace } from './support/use-namespace.js'

const namespace = useNamespace('cost')
const { costPods, costRounds, costSeconds } = settings

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
  const how = `${costPods} pods at 1 Hz, ${costRounds} rounds of ${costSeconds} s`
  it(`a probe costs the node less by httpGet than by exec (${how})`, async ({ skip }) => {
    const node = await running(await namespace().create(askedBy(settings, 'nobody', 0, undefined)))
    await namespace().clear(patiently(60))
    try {
      await namespace().cluster.get(`/api/v1/nodes/${encodeURIComponent(node)}/proxy/stats/summary`)
    } catch (error) {
      const why = `the node's CPU cannot be read: ${error instanceof Error ? error.message : error}`
      console.error(`\nSKIPPED the cost of probes: ${why}\nIt needs "get" on nodes/proxy, which cluster-admin has.\n`)
      skip(why)
    }
    const cpu: CpuByAsked = { nobody: [], exec: [], httpGet: [] }
    for (let round = 0; round < costRounds; round++) {
      for (const asked of turnsOf(round)) cpu[asked].push(await nodeCpuWith(asked, node))
    }
    console.log(`\nCPU of node ${node} with ${costPods} pods, each asked once a second, in ${costRounds} rounds`)
    console.table(costRows(cpu, costPods))
    const saved = perProbe(cpu, 'exec', 'httpGet', costPods)
    console.log(`by httpGet a probe saves: ${differenceText(saved, 'ms')}`)
    if (isTold(saved)) expect(saved.median).toBeGreaterThan(0)
  })
})
