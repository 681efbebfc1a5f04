import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach } from 'vitest'
import { explained, statusOf } from './api-error.js'
import { executorConfig } from './builds.js'
import { type Namespace, retried } from './cluster.js'
import { eventLine } from './describe-pod.js'
import { Desk } from './runner.js'
import { hasCluster, patiently, settings, useNamespace } from './use-namespace.js'

export interface Builds {
  namespace: Namespace
  desk: Desk
}

/**
 * A namespace for builds, and a desk for each test. After a failed test it prints what the runners said, and what the
 * cluster says of Jobs, pods and events; the next test begins without any of them.
 */
export function useRunner(purpose: string): () => Builds {
  let desk: Desk | undefined
  // Hooks run from the last one to the first: Jobs go once their pods were told of.
  afterEach(async () => {
    if (hasCluster) await removeJobs(namespace())
  }, patiently(60) * 1000)
  const namespace = useNamespace(purpose)
  beforeAll(async () => {
    if (hasCluster) await serviceAccount(namespace())
  }, 60_000)
  beforeEach(() => {
    if (hasCluster) desk = new Desk(executorConfig(settings, namespace().name))
  })
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail' && desk !== undefined) {
      const jobs = await storyOfJobs(namespace()).catch((error) => `the Jobs cannot be described: ${explained(error)}`)
      console.error(`\n"${task.name}" failed. The runners said:\n${desk.story()}\n${jobs}\n`)
    }
    await desk?.close()
    desk = undefined
  }, 60_000)
  return () => {
    if (desk === undefined) throw new Error('there is no cluster: these tests are to be skipped')
    return { namespace: namespace(), desk }
  }
}

/** A new namespace has none for a moment, and until then no pod of a Job is admitted. */
async function serviceAccount({ name, cluster }: Namespace): Promise<void> {
  for (const deadline = performance.now() + 30_000; ; await sleep(200)) {
    try {
      await cluster.core.readNamespacedServiceAccount({ namespace: name, name: 'default' })
      return
    } catch (error) {
      if (statusOf(error) !== 404 || performance.now() > deadline) {
        throw new Error(`namespace ${name} got no service account "default": ${explained(error)}`, { cause: error })
      }
    }
  }
}

/** What is left of builds, by name. */
export async function leftOf({ name, cluster }: Namespace): Promise<string[]> {
  const asked = { namespace: name, labelSelector: 'app=screwdriver' }
  const [jobs, pods, secrets] = await Promise.all([
    retried(() => cluster.batch.listNamespacedJob(asked)),
    retried(() => cluster.core.listNamespacedPod(asked)),
    retried(() => cluster.core.listNamespacedSecret(asked)),
  ])
  const named = (kind: string, items: { metadata?: { name?: string } }[]) =>
    items.map(({ metadata }) => `${kind} ${metadata?.name}`)
  return [...named('Job', jobs.items), ...named('pod', pods.items), ...named('Secret', secrets.items)]
}

/** The same, once it is nothing, or after that time. */
export async function leftAfter(namespace: Namespace, withinSeconds: number): Promise<string[]> {
  for (const deadline = performance.now() + withinSeconds * 1000; ; await sleep(500)) {
    const left = await leftOf(namespace)
    if (left.length === 0 || performance.now() > deadline) return left
  }
}

async function removeJobs(namespace: Namespace): Promise<void> {
  const { name, cluster } = namespace
  const asked = { namespace: name, propagationPolicy: 'Background' }
  await retried(() => cluster.batch.deleteCollectionNamespacedJob(asked))
  const left = await leftAfter(namespace, patiently(30))
  if (left.length > 0) console.error(`namespace ${name}: still there after their Jobs were deleted: ${left.join(', ')}`)
}

/** Of Jobs, and all events: those of a pod that was refused, or is gone by now, are in no pod's story. */
async function storyOfJobs({ name, cluster }: Namespace): Promise<string> {
  const { items: jobs } = await retried(() => cluster.batch.listNamespacedJob({ namespace: name }))
  const { items: events } = await retried(() => cluster.core.listNamespacedEvent({ namespace: name }))
  const words = jobs.map(({ metadata, spec, status }) => {
    const conditions = (status?.conditions ?? []).map(
      ({ type, status, reason, message }) => `${type} ${status}, ${reason}: ${message}`,
    )
    return [`Job ${metadata?.name}: suspend ${spec?.suspend}, active ${status?.active ?? 0}`, ...conditions].join(
      '\n  ',
    )
  })
  return [
    `===== Jobs of namespace ${name} =====`,
    ...(words.length === 0 ? ['(none)'] : words),
    '----- all events -----',
    ...(events.length === 0 ? ['(none)'] : events.map((event) => `${event.involvedObject.name}: ${eventLine(event)}`)),
    '=====',
  ].join('\n')
}
