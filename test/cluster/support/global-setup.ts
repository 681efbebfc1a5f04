/** Once for all files: is there a cluster, and what is on it; and at the end, however it came, nothing is left. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { TestProject } from 'vitest/node'
import { explained, statusOf } from './api-error.js'
import { Cluster } from './cluster.js'
import { type Settings, settingsFrom } from './settings.js'

declare module 'vitest' {
  export interface ProvidedContext {
    run: string
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const settings = settingsFrom(process.env)
  const run = randomBytes(4).toString('hex')
  project.provide('run', run)
  if (settings.kubeconfig === undefined) {
    console.error('\nSKIPPED the tests on a real cluster: set KUBECONFIG (docs/operations.md)\n')
    return undefined
  }
  const cluster = Cluster.connect(settings.kubeconfig, run)
  await introduce(cluster, settings)

  const janitor = spawn(process.execPath, [janitorProgram, run], {
    stdio: ['pipe', 'inherit', 'inherit'],
    detached: true, // or the Ctrl-C that ends the tests would end it, too
  })
  return async () => {
    janitor.stdin.end()
    if (janitor.exitCode === null && janitor.signalCode === null) await once(janitor, 'exit')
  }
}

const janitorProgram = new URL('../../../dist-programs/test/cluster/support/janitor.js', import.meta.url).pathname

/** Says what is tested, and on what; throws, if it cannot work. */
async function introduce(cluster: Cluster, settings: Settings): Promise<void> {
  const { image, workerImage, runtimeClass } = settings
  try {
    console.error(`\ncluster ${cluster.server}, Kubernetes ${await cluster.version()}, run ${cluster.run}`)
  } catch (error) {
    throw new Error(`the API server at ${cluster.server} does not answer: ${explained(error)}`, { cause: error })
  }
  console.error(`images ${image} and ${workerImage}, runtime class ${runtimeClass ?? '(default)'}`)
  if (runtimeClass !== undefined) {
    await cluster.requireRuntimeClass(runtimeClass).catch((error) => {
      if (statusOf(error) !== 404) return // it may be forbidden to look; pods will tell
      throw new Error(`SHM_LIVENESS_RUNTIME_CLASS=${runtimeClass}: the cluster has no such RuntimeClass`)
    })
  }
  await introduceNodes(cluster, [image, workerImage])
}

async function introduceNodes(cluster: Cluster, images: string[]): Promise<void> {
  try {
    const { items } = await cluster.core.listNode()
    for (const { metadata, status } of items) {
      const { kubeletVersion, containerRuntimeVersion, kernelVersion, architecture } = status?.nodeInfo ?? {}
      console.error(
        `node ${metadata?.name}: kubelet ${kubeletVersion}, ${containerRuntimeVersion}, Linux ${kernelVersion}, ${architecture}`,
      )
      // A kubelet names its 50 largest images only, and ours are small: what is not listed may well be there.
      const names = (status?.images ?? []).flatMap(({ names }) => names ?? [])
      const unseen = images.filter((image) => !names.includes(image))
      if (unseen.length > 0) console.error(`  not among the images that it lists (up to 50): ${unseen.join(', ')}`)
    }
  } catch (error) {
    console.error(`nodes cannot be listed: ${explained(error)}`)
  }
  console.error('')
}
