import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from './cluster.js'

/** How much a node had computed, by its kubelet's summary, which is some seconds old. */
interface Sample {
  timeMs: number
  cpuMs: number
}

async function sample(cluster: Cluster, node: string): Promise<Sample> {
  const path = `/api/v1/nodes/${encodeURIComponent(node)}/proxy/stats/summary`
  const summary = (await cluster.get(path)) as { node?: { cpu?: { time?: string; usageCoreNanoSeconds?: number } } }
  const { time, usageCoreNanoSeconds } = summary.node?.cpu ?? {}
  if (time === undefined || usageCoreNanoSeconds === undefined) {
    throw new Error(`GET ${path}: there is no node.cpu in it: ${JSON.stringify(summary).slice(0, 300)}`)
  }
  return { timeMs: Date.parse(time), cpuMs: usageCoreNanoSeconds / 1e6 }
}

/** The first sample that was taken after another. */
async function sampleAfter(cluster: Cluster, node: string, timeMs: number): Promise<Sample> {
  const deadline = performance.now() + 90_000
  for (;;) {
    const now = await sample(cluster, node)
    if (now.timeMs >= timeMs) return now
    if (performance.now() > deadline) {
      throw new Error(`the kubelet of node ${node} has taken no new sample of its CPU for 90 s`)
    }
    await sleep(1000)
  }
}

/**
 * What a node computes, in ms of CPU per second, over `seconds`. By the samples' own times: neither the clock of this
 * machine nor the age of a sample matters.
 */
export async function nodeCpuMsPerSecond(cluster: Cluster, node: string, seconds: number): Promise<number> {
  const { timeMs } = await sample(cluster, node)
  const first = await sampleAfter(cluster, node, timeMs + 1)
  await sleep(seconds * 1000)
  const last = await sampleAfter(cluster, node, first.timeMs + seconds * 1000)
  return ((last.cpuMs - first.cpuMs) / (last.timeMs - first.timeMs)) * 1000
}
