import {
  AuthorizationV1Api,
  CoreV1Api,
  NodeV1Api,
  PatchStrategy,
  setHeaderOptions,
  VersionApi,
} from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { hangs, scheduled } from './kube-api/index.js'
import { configOf, create, ending, jobOf, namespace, start, testClock, until, watch } from './support.js'

const jobsPath = `/apis/batch/v1/namespaces/${namespace}/jobs`
const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
const refusal = (code: number, message: RegExp, reason?: string) => ({
  code,
  body: expect.stringMatching(new RegExp(`${message.source}.*${reason === undefined ? '' : `"reason":"${reason}"`}`)),
})

describe('who is let in', () => {
  it('nobody without the token', async () => {
    const { api } = await start()
    const core = configOf(api.writeKubeconfig({ token: 'wrong' })).makeApiClient(CoreV1Api)
    await expect(core.listNamespacedPod({ namespace })).rejects.toMatchObject({ code: 401 })
  })
  it('its certificate is worth something only to those who know its authority', async () => {
    const [{ api }, other] = [await start(), await start({ ownAuthority: true })]
    const core = configOf(api.writeKubeconfig({ ca: other.api.ca })).makeApiClient(CoreV1Api)
    await expect(core.listNamespacedPod({ namespace })).rejects.toThrow(/certificate/)
  })
  it('a denied verb is 403, and a review says so before', async () => {
    const { api, core, config } = await start()
    api.authorization.deny('get', 'pods/log')
    const review = async (subresource?: string) => {
      const resourceAttributes = { verb: 'get', resource: 'pods', namespace, ...(subresource && { subresource }) }
      const body = { spec: { resourceAttributes } }
      return (await config.makeApiClient(AuthorizationV1Api).createSelfSubjectAccessReview({ body })).status?.allowed
    }
    expect([await review(), await review('log')]).toEqual([true, false])
    await expect(core.readNamespacedPodLog({ namespace, name: 'x' })).rejects.toMatchObject(
      refusal(403, /cannot get resource \\"pods\/log\\"/, 'Forbidden'),
    )
  })
  it('tells its version', async () => {
    const { config } = await start()
    expect((await config.makeApiClient(VersionApi).getCode()).gitVersion).toMatch(/^v1\./)
  })
})

describe('objects', () => {
  it('what is not there, or there already, or of an old version, is refused as such', async () => {
    const client = await start()
    const { batch } = client
    await expect(batch.readNamespacedJob({ namespace, name: 'a' })).rejects.toMatchObject(
      refusal(404, /jobs.batch \\"a\\" not found/, 'NotFound'),
    )
    const { metadata } = await create(client, 'a', { suspend: true })
    await expect(create(client, 'a')).rejects.toMatchObject(
      refusal(409, /jobs.batch \\"a\\" already exists/, 'AlreadyExists'),
    )
    const patch = (resourceVersion: string) =>
      batch.patchNamespacedJob(
        { namespace, name: 'a', body: { metadata: { resourceVersion, labels: { b: 'c' } } } },
        merge,
      )
    await until('it says it is suspended', () => client.api.job('a')?.status.conditions)
    await expect(patch(metadata!.resourceVersion!)).rejects.toMatchObject(
      refusal(409, /Operation cannot be fulfilled on jobs.batch \\"a\\": the object has been modified/, 'Conflict'),
    )
    const current = await batch.readNamespacedJob({ namespace, name: 'a' })
    expect((await patch(current.metadata!.resourceVersion!)).metadata?.labels).toMatchObject({ b: 'c', sdbuild: 'a' })
  })
  it('a dry run changes nothing, and refuses what a real one would', async () => {
    const { api, batch } = await start()
    const made = await batch.createNamespacedJob({ namespace, body: jobOf('dry'), dryRun: 'All' })
    expect(made.spec?.template.spec?.containers[0]?.terminationMessagePath).toBe('/dev/termination-log')
    expect(api.job('dry')).toBeUndefined()
    const wrong = jobOf('wrong')
    Object.assign(wrong.spec!.template.spec!.containers[0]!, { image: 7 })
    await expect(batch.createNamespacedJob({ namespace, body: wrong, dryRun: 'All' })).rejects.toMatchObject({
      code: 422,
    })
  })
  it('patches: merge, JSON, and the media type that nobody knows', async () => {
    const client = await start()
    const { batch, api } = client
    await create(client, 'p', { suspend: true })
    const as = (type: string) => setHeaderOptions('Content-Type', type)
    const patch = (body: object, type: string) => batch.patchNamespacedJob({ namespace, name: 'p', body }, as(type))
    await patch({ metadata: { annotations: { 'a/b': '1', c: '2' } } }, PatchStrategy.StrategicMergePatch)
    await patch([{ op: 'remove', path: '/metadata/annotations/a~1b' }], PatchStrategy.JsonPatch)
    await patch([{ op: 'test', path: '/metadata/annotations/c', value: '2' }], PatchStrategy.JsonPatch)
    expect(api.job('p')?.metadata.annotations).toEqual({ c: '2' })
    await expect(patch({ metadata: {} }, PatchStrategy.JsonPatch)).rejects.toMatchObject({ code: 400 })
    await expect(
      patch([{ op: 'test', path: '/metadata/name', value: 'q' }], PatchStrategy.JsonPatch),
    ).rejects.toMatchObject({ code: 422 })
    await expect(patch({}, 'application/yaml')).rejects.toMatchObject({ code: 415 })
  })
  it('what may not change does not', async () => {
    const client = await start()
    client.api.scenario('i', [scheduled(), hangs])
    await create(client, 'i', { podDeadlineSeconds: 100 })
    const pod = await until('its pod', () => client.api.podsOf('i')[0])
    const lower = (seconds: number) =>
      client.core.patchNamespacedPod(
        { namespace, name: pod.metadata.name, body: { spec: { activeDeadlineSeconds: seconds } } },
        merge,
      )
    await expect(lower(101)).rejects.toMatchObject(
      refusal(422, /must be less than or equal to previous value/, 'Invalid'),
    )
    expect((await lower(99)).spec?.activeDeadlineSeconds).toBe(99)
    const template = { spec: { template: { spec: { restartPolicy: 'OnFailure' } } } }
    await expect(
      client.batch.patchNamespacedJob({ namespace, name: 'i', body: template }, merge),
    ).rejects.toMatchObject(refusal(422, /field is immutable/))
  })
  it('a Secret keeps what it was given as text', async () => {
    const { core } = await start()
    const body = { metadata: { name: 's' }, stringData: { key: 'wort' } }
    const made = await core.createNamespacedSecret({ namespace, body })
    expect([made.data, made.stringData]).toEqual([{ key: 'd29ydA==' }, undefined])
  })
  it('cluster-wide objects are there for those who put them', async () => {
    const { api, config } = await start()
    api.add('runtimeclasses', { metadata: { name: 'kata' }, handler: 'kata' })
    expect((await config.makeApiClient(NodeV1Api).readRuntimeClass({ name: 'kata' })).handler).toBe('kata')
  })
})

describe('lists', () => {
  it('come in pieces that are of one version, until that is too old', async () => {
    const client = await start()
    for (const name of ['a', 'b', 'c']) await create(client, name, { suspend: true })
    const list = (limit: number, _continue?: string) =>
      client.batch.listNamespacedJob({ namespace, limit, ...(_continue && { _continue }) })
    const first = await list(2)
    expect(first.metadata?.remainingItemCount).toBe(1)
    await create(client, 'bb', { suspend: true })
    const second = await list(2, first.metadata?._continue)
    expect([...first.items, ...second.items].map(({ metadata }) => metadata?.name)).toEqual(['a', 'b', 'c'])
    expect(second.metadata?.resourceVersion).toBe(first.metadata?.resourceVersion)
    const again = await list(1)
    client.api.compact()
    await expect(list(1, again.metadata?._continue)).rejects.toMatchObject(
      refusal(410, /continue parameter is too old/, 'Expired'),
    )
  })
  it('are chosen by label and field', async () => {
    const client = await start()
    for (const name of ['a', 'b', 'c']) await create(client, name, { suspend: true })
    const names = async (labelSelector: string) =>
      (await client.batch.listNamespacedJob({ namespace, labelSelector })).items.map(({ metadata }) => metadata?.name)
    expect(await names('sdbuild=a')).toEqual(['a'])
    expect(await names('app,sdbuild!=a')).toEqual(['b', 'c'])
    expect(await names('sdbuild in (a, c),!tier')).toEqual(['a', 'c'])
    expect(await names('sdbuild notin (a, c)')).toEqual(['b'])
    const events = await until('events', () => client.api.list('events').length > 2)
    expect(events).toBe(true)
    const about = await client.core.listNamespacedEvent({ namespace, fieldSelector: 'involvedObject.name=b' })
    expect(about.items.map(({ reason }) => reason)).toEqual(['Suspended'])
    await expect(client.core.listNamespacedEvent({ namespace, fieldSelector: 'spec.x=1' })).rejects.toMatchObject(
      refusal(400, /field label not supported/),
    )
  })
})

describe('watches', () => {
  it('go on where a list was, and where an earlier watch was', async () => {
    const client = await start()
    await create(client, 'a', { suspend: true })
    const { metadata } = await client.batch.listNamespacedJob({ namespace })
    await create(client, 'b', { suspend: true })
    const first = await watch(client.config, jobsPath, { resourceVersion: metadata!.resourceVersion! })
    await until('b is seen', () => first.seen.find(({ name, type }) => name === 'b' && type === 'ADDED'))
    first.abort()
    const last = first.seen.at(-1)!.version
    await client.batch.deleteNamespacedJob({ namespace, name: 'b', propagationPolicy: 'Background' })
    const second = await watch(client.config, jobsPath, { resourceVersion: last, labelSelector: 'sdbuild=b' })
    await until('the deletion is seen', () => second.seen.find(({ type }) => type === 'DELETED'))
    expect(second.seen.every(({ name }) => name === 'b')).toBe(true)
  })
  it('that say no version begin with what is there', async () => {
    const client = await start()
    await create(client, 'a', { suspend: true })
    const { seen } = await watch(client.config, jobsPath, {})
    await until('it is seen', () => seen.length > 0)
    expect(seen[0]).toMatchObject({ type: 'ADDED', name: 'a' })
  })
  it('see an object that no longer matches as deleted, and one that does now as new', async () => {
    const client = await start()
    await create(client, 'a', { suspend: true })
    const { seen } = await watch(client.config, jobsPath, { labelSelector: 'app=screwdriver' })
    const label = (app: string) =>
      client.batch.patchNamespacedJob({ namespace, name: 'a', body: { metadata: { labels: { app } } } }, merge)
    await until('it is seen', () => seen.length > 0)
    await label('other')
    await label('screwdriver')
    await until('all is seen', () => seen.filter(({ type }) => type !== 'MODIFIED').length === 3)
    expect(seen.map(({ type }) => type).filter((type) => type !== 'MODIFIED')).toEqual(['ADDED', 'DELETED', 'ADDED'])
  })
  it('get bookmarks if they ask for them, which carry a version to go on from', async () => {
    const client = await start()
    const { seen } = await watch(client.config, jobsPath, { allowWatchBookmarks: true })
    await client.core.createNamespacedSecret({ namespace, body: { metadata: { name: 's' } } })
    const version = client.api.find('secrets', 's')!.metadata.resourceVersion
    await until('a bookmark', () => seen.find((each) => each.type === 'BOOKMARK' && each.version === version))
    const without = await watch(client.config, jobsPath, {})
    await testClock().advance(180_000)
    expect(without.seen).toEqual([])
  })
  it('are told 410 within the stream if their version is too old', async () => {
    const client = await start()
    const { metadata } = await client.batch.listNamespacedJob({ namespace })
    await create(client, 'a', { suspend: true })
    client.api.compact()
    const { seen, done } = await watch(client.config, jobsPath, { resourceVersion: metadata!.resourceVersion! })
    await done
    const message = expect.stringMatching(/^too old resource version: /)
    expect(seen).toMatchObject([{ type: 'ERROR', object: { code: 410, message } }])
  })
  it('forget history beyond its size', async () => {
    const client = await start({ historySize: 3 })
    const { metadata } = await client.batch.listNamespacedJob({ namespace })
    for (const name of ['a', 'b', 'c', 'd']) await create(client, name, { suspend: true })
    const { seen, done } = await watch(client.config, jobsPath, { resourceVersion: metadata!.resourceVersion! })
    await done
    expect(seen).toMatchObject([{ type: 'ERROR', object: { code: 410 } }])
  })
  it('end after timeoutSeconds, or when the server ends them', async () => {
    const client = await start()
    const short = await watch(client.config, jobsPath, { timeoutSeconds: 60 })
    const long = await watch(client.config, jobsPath, {})
    await until('both are open', () => client.api.watchCount === 2)
    expect(await ending(short.done)).toBeNull()
    client.api.endWatches()
    expect(await long.done).toBeNull()
    expect(client.api.watchCount).toBe(0)
  })
})
