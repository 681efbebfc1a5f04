import { describe, expect, it } from 'vitest'
import { statusOf } from '../../../examples/kata-build-runner/api/api-error.js'
import type { BuildApi } from '../../../examples/kata-build-runner/api/build-api.js'
import { connect } from '../../../examples/kata-build-runner/api/connect.js'
import { found } from '../../../examples/kata-build-runner/api/found.js'
import { type Client, ending, jobOf, start, testClock, until } from '../../fakes/support.js'
import { executorOf } from './executors.js'

async function connected(change: Parameters<typeof executorOf>[0] = {}): Promise<{ client: Client; api: BuildApi }> {
  const client = await start()
  return { client, api: connect(executorOf(change), { KUBECONFIG: client.api.kubeconfig }, { clock: testClock() }) }
}
const secret = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, labels: { sdbuild: 'b' } },
  stringData: { a: '1' },
})

describe('the API', () => {
  it('creates, reads, changes, lists and deletes', async () => {
    const { client, api } = await connected()
    const job = await api.createJob(jobOf('b', { suspend: true }))
    expect(job.metadata?.creationTimestamp).toBeInstanceOf(Date)
    expect((await api.patchJob('b', { metadata: { annotations: { x: 'y' } } })).metadata?.annotations).toMatchObject({
      x: 'y',
    })
    expect((await api.readJob('b')).metadata?.uid).toBe(job.metadata?.uid)
    expect((await api.listJobs('sdbuild=b')).map(({ metadata }) => metadata?.name)).toEqual(['b'])
    expect(await api.listJobs('sdbuild=c')).toEqual([])
    await api.createSecret(secret('s'))
    expect((await api.patchSecret('s', { stringData: { a: '2' } })).metadata?.name).toBe('s')
    expect(await api.listSecrets('sdbuild=b')).toHaveLength(1)
    await api.deleteSecret('s')
    expect(await found(api.readSecret('s'))).toBeUndefined()
    await api.patchJob('b', { spec: { suspend: false } })
    const pod = await until('the pod', () => client.api.podsOf('b')[0]?.metadata.name)
    expect((await api.listPods('sdbuild=b')).map(({ metadata }) => metadata?.name)).toEqual([pod])
    expect((await api.patchPod(pod, { metadata: { labels: { more: 'x' } } })).metadata?.labels).toMatchObject({
      more: 'x',
    })
    await until('its events', () => client.api.list('events').length > 0)
    expect((await api.listEvents(pod)).length).toBeGreaterThan(0)
    await api.deletePod(pod)
    await api.deleteJob('b', { propagation: 'Background' })
    await until('the Job is gone', () => client.api.job('b') === undefined)
    await until('its pod, too', () => client.api.podsOf('b').length === 0)
  })

  it('checks, and stores nothing, where that is asked for', async () => {
    const { client, api } = await connected()
    await api.createJob(jobOf('dry'), { dryRun: true })
    expect(client.api.job('dry')).toBeUndefined()
  })

  it('deletes only what is meant', async () => {
    const { api } = await connected()
    const { metadata } = await api.createJob(jobOf('b', { suspend: true }))
    for (const which of [{ uid: 'another' }, { uid: metadata?.uid, resourceVersion: '1' }]) {
      const refused = await api.deleteJob('b', { ...which, propagation: 'Background' }).catch(statusOf)
      expect(refused).toBe(409)
    }
    await api.deleteJob('b', { uid: metadata?.uid, propagation: 'Background' })
  })

  it('says that it exists where the answer to a create was lost', async () => {
    const { client, api } = await connected()
    client.api.faults.next('POST', /jobs/, { drop: true, afterWork: true })
    const error = await ending(api.createJob(jobOf('b', { suspend: true }))).catch((failure: unknown) => failure)
    expect(statusOf(error)).toBe(409)
    expect(client.api.job('b')).toBeDefined()
  })

  it('asks again after 429, 500, dropped, silent and torn answers', async () => {
    const { client, api } = await connected({ maxAttempts: 7 })
    const faults = [{ status: 429 }, { status: 500 }, { drop: true }, { silent: true }, { truncateAfterBytes: 20 }]
    for (const fault of faults) {
      // Two more that succeed: otherwise the breaker would open.
      await Promise.all([api.version(), api.version()])
      client.api.faults.next('GET', /version/, fault)
      expect((await ending(api.version())).gitVersion).toBe('v1.36.0')
    }
    expect(client.api.requests).toHaveLength(4 * faults.length)
  })

  it('waits as the server says', async () => {
    const { client, api } = await connected()
    client.api.faults.next('GET', /version/, { status: 429, retryAfter: 1 })
    await ending(api.version())
    expect(testClock().now()).toBeGreaterThanOrEqual(1000)
  })

  it('knows its own rights, nodes and RuntimeClasses', async () => {
    const { client, api } = await connected()
    const review = await api.selfSubjectAccessReview({
      verb: 'create',
      group: 'batch',
      resource: 'jobs',
      namespace: 'builds',
    })
    expect(review.allowed).toBe(true)
    client.api.add('runtimeclasses', { metadata: { name: 'kata' }, handler: 'kata' })
    expect((await api.readRuntimeClass('kata')).handler).toBe('kata')
    expect(await found(api.readRuntimeClass('other'))).toBeUndefined()
  })

  it('is never one of another authority, and that is not tried again', async () => {
    const client = await start()
    const other = await start({ ownAuthority: true })
    const path = client.api.writeKubeconfig({ ca: other.api.ca })
    const api = connect(executorOf(), { KUBECONFIG: path })
    await expect(api.version()).rejects.toMatchObject({ code: 'CONNECTION' })
    const log = api.openLog('p', 'build', { signal: new AbortController().signal })
    await expect(log).rejects.toMatchObject({ code: 'CONNECTION' })
    expect(client.api.requests).toHaveLength(0)
  })

  it('ends every call and stream when its signal says so', async () => {
    const client = await start()
    const stop = new AbortController()
    const api = connect(
      executorOf(),
      { KUBECONFIG: client.api.kubeconfig },
      { clock: testClock(), signal: stop.signal },
    )
    client.api.faults.always('GET', /./, { silent: true })
    const calls = Promise.allSettled([api.version(), api.listPods('a=b')])
    const log = api.openLog('p', 'build', { signal: stop.signal }).catch((error: unknown) => error)
    await until('all were asked', () => client.api.requests.length === 3)
    stop.abort()
    expect(await calls).toMatchObject([{ reason: { code: 'CANCELLED' } }, { reason: { code: 'CANCELLED' } }])
    expect(await log).toBeInstanceOf(Error)
    // The clock stood still: nothing was waited for.
    expect(testClock().now()).toBe(0)
  })
})
