import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import {
  boots,
  deniedByWebhook,
  exceededQuota,
  type GuardRun,
  guardRuns,
  hangs,
  jobVanishes,
  type KubeObject,
  scheduled,
} from './kube-api/index.js'
import { type Client, create, namespace, start, until } from './support.js'

const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
const conditions = ({ api }: Client, job: string) =>
  (api.job(job)?.status.conditions ?? [])
    .filter(({ status }) => status === 'True')
    .map(({ type, reason }) => `${type} ${reason}`)
const finished = (client: Client, job: string) =>
  until(`${job} is finished`, () => conditions(client, job).some((each) => /^(Complete|Failed) /.test(each)))
const suspend = ({ batch }: Client, name: string, is: boolean) =>
  batch.patchNamespacedJob({ namespace, name, body: { spec: { suspend: is } } }, merge)
interface Event extends KubeObject {
  reason: string
  message: string
  count?: number
  involvedObject: { name: string }
}
const eventsOf = ({ api }: Client, name: string) =>
  api.list<Event>('events').filter(({ involvedObject }) => involvedObject.name === name)

describe('a Job', () => {
  it('that is suspended has no pod until it is resumed', async () => {
    const client = await start()
    await create(client, 'a', { suspend: true })
    await until('it says so', () => conditions(client, 'a').includes('Suspended JobSuspended'))
    expect([client.api.podsOf('a'), client.api.job('a')?.status.startTime]).toEqual([[], undefined])
    await suspend(client, 'a', false)
    await finished(client, 'a')
    expect(conditions(client, 'a')).toEqual(['SuccessCriteriaMet CompletionsReached', 'Complete CompletionsReached'])
    expect(client.api.job('a')?.status).toMatchObject({ succeeded: 1, active: 0, startTime: expect.any(String) })
    expect(
      eventsOf(client, 'a')
        .map(({ reason }) => reason)
        .toSorted(),
    ).toEqual(['Completed', 'Resumed', 'SuccessfulCreate', 'Suspended'])
  })
  it('that is suspended while it runs loses its pod, and makes another', async () => {
    const client = await start()
    client.api.scenario('a', [boots(), hangs])
    await create(client, 'a')
    const first = await until('its pod', () => client.api.podsOf('a')[0])
    await suspend(client, 'a', true)
    await until('it is gone', () => client.api.podsOf('a').length === 0)
    await suspend(client, 'a', false)
    const second = await until('another', () => client.api.podsOf('a')[0])
    expect(second.metadata.uid).not.toBe(first.metadata.uid)
  })
  it.each<[string, GuardRun, string]>([
    ['whose pod fails has failed, with backoffLimit 0', { steps: [{ exit: 3 }] }, 'BackoffLimitExceeded'],
  ])('%s', async (_, run, reason) => {
    const client = await start()
    client.api.scenario('a', [boots(), guardRuns(run)])
    await create(client, 'a')
    await finished(client, 'a')
    expect(conditions(client, 'a')).toEqual([`FailureTarget ${reason}`, `Failed ${reason}`])
    expect(client.api.podsOf('a')).toMatchObject([{ status: { phase: 'Failed' }, metadata: { finalizers: [] } }])
    expect(client.api.job('a')?.status).toMatchObject({ failed: 1, active: 0 })
  })
  it('past its own deadline deletes the pod, log and all', async () => {
    const client = await start()
    client.api.scenario('a', [boots(), hangs])
    await create(client, 'a', { activeDeadlineSeconds: 10, graceSeconds: 1 })
    await finished(client, 'a')
    expect(conditions(client, 'a')).toEqual(['FailureTarget DeadlineExceeded', 'Failed DeadlineExceeded'])
    await until('its pod is gone', () => client.api.podsOf('a').length === 0)
  })
  it('whose pod somebody deletes has failed', async () => {
    const client = await start()
    client.api.scenario('a', [boots(), guardRuns({ steps: [{ outcome: 'hangs' }] })])
    await create(client, 'a')
    const { metadata } = await until('it runs', () =>
      client.api.podsOf('a').find(({ status }) => status.phase === 'Running'),
    )
    await client.core.deleteNamespacedPod({ namespace, name: metadata.name })
    await finished(client, 'a')
    expect(conditions(client, 'a')).toContain('Failed BackoffLimitExceeded')
  })
  it('goes with its pod after its TTL', async () => {
    const client = await start()
    await create(client, 'a', { ttlSecondsAfterFinished: 100 })
    await finished(client, 'a')
    await until('both are gone', () => client.api.job('a') === undefined && client.api.podsOf('a').length === 0)
  })
})

describe('a Job whose pod is refused waits, and only its events say why', () => {
  it('without the RuntimeClass, until there is one', async () => {
    const client = await start()
    await create(client, 'a', { runtimeClassName: 'kata' })
    const { message } = await until('an event', () =>
      eventsOf(client, 'a').find(({ reason }) => reason === 'FailedCreate'),
    )
    expect(message).toMatch(
      /^Error creating: pods "a-\w{5}" is forbidden: pod rejected: RuntimeClass "kata" not found$/,
    )
    expect(conditions(client, 'a')).toEqual([])
    client.api.add('runtimeclasses', {
      metadata: { name: 'kata' },
      handler: 'kata',
      overhead: { podFixed: { cpu: '250m' } },
    })
    await finished(client, 'a')
    expect(client.api.podsOf('a')[0]?.spec['overhead']).toEqual({ cpu: '250m' })
  })
  it.each([
    [
      'by a quota',
      exceededQuota('builds', { requested: 'cpu=6', used: 'cpu=12', limited: 'cpu=16' }),
      /exceeded quota: builds, requested: cpu=6, used: cpu=12, limited: cpu=16$/,
    ],
    [
      'by a webhook',
      deniedByWebhook('images.example', 'no latest'),
      /admission webhook "images.example" denied the request: no latest$/,
    ],
  ])('%s', async (_, objection, expected) => {
    const client = await start()
    const allow = client.api.refuse('pods', /^a-/, objection)
    await create(client, 'a')
    const tries = () => eventsOf(client, 'a').filter(({ reason }) => reason === 'FailedCreate')
    // A message that names the pod is another event each time, as the pod's name is another.
    await until('it was tried again', () => tries().reduce((sum, { count = 1 }) => sum + count, 0) > 1)
    expect(eventsOf(client, 'a')[0]?.message).toMatch(expected)
    allow()
    await finished(client, 'a')
  })
})

describe('deleting a Job', () => {
  async function running(client: Client): Promise<void> {
    client.api.scenario('a', [boots(), guardRuns({ steps: [{ outcome: 'hangs' }] })])
    await create(client, 'a')
    await until('it runs', () => client.api.podsOf('a')[0]?.status.phase === 'Running')
    const { uid } = client.api.job('a')!.metadata
    const ownerReferences = [{ apiVersion: 'batch/v1', kind: 'Job', name: 'a', uid }]
    await client.core.createNamespacedSecret({ namespace, body: { metadata: { name: 'a', ownerReferences } } })
  }
  it('orphans its pod unless told otherwise, and the pod runs on', async () => {
    const client = await start()
    await running(client)
    await client.batch.deleteNamespacedJob({ namespace, name: 'a' })
    await until('it is gone', () => client.api.job('a') === undefined)
    expect(client.api.podsOf('a')).toMatchObject([
      { metadata: { ownerReferences: [], finalizers: [] }, status: { phase: 'Running' } },
    ])
    expect(client.api.find('secrets', 'a')).toBeDefined()
  })
  it.each(['Background', 'Foreground'] as const)('%s: pod and Secret go, too', async (propagationPolicy) => {
    const client = await start()
    await running(client)
    const answer = await client.batch.deleteNamespacedJob({ namespace, name: 'a', propagationPolicy })
    expect(answer.kind).toBe(propagationPolicy === 'Background' ? 'Status' : 'Job')
    await until(
      'all are gone',
      () => client.api.podsOf('a').length === 0 && client.api.find('secrets', 'a') === undefined,
    )
    await until('the Job, too', () => client.api.job('a') === undefined)
  })
  it('is refused for another uid', async () => {
    const client = await start()
    await create(client, 'a', { suspend: true })
    const other = { namespace, name: 'a', body: { preconditions: { uid: 'other' } } }
    await expect(client.batch.deleteNamespacedJob(other)).rejects.toMatchObject({ code: 409 })
  })
  it('by somebody else', async () => {
    const client = await start()
    client.api.scenario('a', [boots(), jobVanishes])
    await create(client, 'a')
    await until('it has begun', () => client.api.podsOf('a').length > 0)
    await until('it is gone', () => client.api.job('a') === undefined && client.api.podsOf('a').length === 0)
  })
  it('takes a Secret that names an owner that is gone', async () => {
    const client = await start()
    const ownerReferences = [{ apiVersion: 'batch/v1', kind: 'Job', name: 'gone', uid: 'gone' }]
    await client.core.createNamespacedSecret({ namespace, body: { metadata: { name: 's', ownerReferences } } })
    await until('it is collected', () => client.api.find('secrets', 's') === undefined)
  })
})

it('a pod that no node has yet is deleted at once', async () => {
  const client = await start()
  client.api.scenario('a', [hangs])
  client.api.scenario('b', [scheduled(), hangs])
  for (const name of ['a', 'b']) await create(client, name, { graceSeconds: 600 })
  await until('pods', () => client.api.podsOf('a').length + client.api.podsOf('b').length === 2)
  for (const name of ['a', 'b'])
    await client.batch.deleteNamespacedJob({ namespace, name, propagationPolicy: 'Background' })
  await until('a is gone', () => client.api.podsOf('a').length === 0)
})
