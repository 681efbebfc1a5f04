import { randomBytes } from 'node:crypto'
import { afterEach, beforeAll, inject } from 'vitest'
import { explained } from './api-error.js'
import { Cluster, type Namespace } from './cluster.js'
import { settingsFrom } from './settings.js'

export const settings = settingsFrom(process.env)
export const hasCluster = settings.kubeconfig !== undefined

/** Seconds, as many as this cluster needs for what takes a quick one so long. */
export const patiently = (seconds: number): number => seconds * settings.patience

/**
 * A namespace for the tests of a file, with the restricted Pod Security level. After a failed test it prints all there
 * is to know of its pods; the next one begins without any. Deleted by global-setup.ts, whatever happens here.
 */
export function useNamespace(purpose: string): () => Namespace {
  let namespace: Namespace | undefined
  beforeAll(async () => {
    if (settings.kubeconfig === undefined) return
    const cluster = Cluster.connect(settings.kubeconfig, inject('run'))
    const name = `${settings.namespacePrefix}-${purpose}-${randomBytes(3).toString('hex')}`
    namespace = await cluster.createNamespace(name).catch((error) => {
      throw new Error(`namespace ${name} cannot be created: ${explained(error)}`, { cause: error })
    })
  }, 60_000)
  afterEach(async ({ task }) => {
    if (namespace === undefined) return
    if (task.result?.state === 'fail') {
      const story = await namespace.story().catch((error) => `the pods cannot be described: ${explained(error)}`)
      console.error(`\n"${task.name}" failed. This is what there was:\n${story}\n`)
    }
    await namespace.clear(patiently(60))
  }, patiently(120) * 1000)
  return () => {
    if (namespace === undefined) throw new Error('there is no cluster: these tests are to be skipped')
    return namespace
  }
}
