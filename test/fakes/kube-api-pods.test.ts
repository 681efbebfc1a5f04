import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import * as fake from './kube-api/index.js'
import {
  boots,
  guardRuns,
  hangs,
  initialized,
  type KubeObject,
  type Pod,
  prints,
  pulled,
  scheduled,
  started,
  wait,
} from './kube-api/index.js'
import { type Client, create, type JobOptions, namespace, start, testClock, until, watch } from './support.js'

interface Event extends KubeObject {
  reason: string
  message: string
  type: string
  count?: number
  series?: { count: number }
  firstTimestamp: string | null
  involvedObject: { name: string; fieldPath?: string }
}
const eventsOf = ({ api }: Client, pod: Pod) =>
  api.list<Event>('events').filter(({ involvedObject }) => involvedObject.name === pod.metadata.name)

async function run(script: fake.Script, options: JobOptions & fake.FakeKubeApiOptions = {}) {
  const client = await start(options)
  client.api.scenario('a', script)
  await create(client, 'a', options)
  const pod = await until('its pod', () => client.api.podsOf('a')[0])
  const now = () => client.api.find<Pod>('pods', pod.metadata.name)
  const reached = (what: string, is: (pod: Pod) => unknown) =>
    until(what, () => {
      const current = now()
      return current !== undefined && is(current) ? current : undefined
    })
  return { client, pod, now, reached }
}
const build = (pod: Pod) => pod.status.containerStatuses?.find(({ name }) => name === 'build')
const terminated = (pod: Pod) => build(pod)?.state.terminated
const waiting = (pod: Pod) => build(pod)?.state.waiting
const condition = (pod: Pod, type: string) => pod.status.conditions?.find((each) => each.type === type)

it('a pod moves from phase to phase as a kubelet moves it', async () => {
  const client = await start()
  const { seen } = await watch(client.config, `/api/v1/namespaces/${namespace}/pods`, {})
  client.api.scenario('a', [boots(), guardRuns({ steps: [{ output: 'x\n' }] })])
  await create(client, 'a')
  const succeeded = () => seen.find(({ object }) => object.status?.phase === 'Succeeded')
  await until('it has succeeded', succeeded)
  const pods = seen.map(({ object }) => object as Pod)
  const states = pods.map(({ spec, status }) => {
    const [install, docker] = (status.initContainerStatuses ?? []).map(({ state }) => Object.keys(state)[0])
    const own = Object.keys(status.containerStatuses?.[0]?.state ?? {})[0]
    return [status.phase, spec.nodeName ?? '-', install ?? '-', docker ?? '-', own ?? '-'].join(' ')
  })
  expect(states.filter((state, index) => state !== states[index - 1])).toEqual([
    'Pending - - - -',
    'Pending node-1 - - -',
    'Pending node-1 waiting waiting waiting',
    'Pending node-1 running waiting waiting',
    'Pending node-1 terminated waiting waiting',
    'Pending node-1 terminated running waiting',
    'Pending node-1 terminated running running',
    'Running node-1 terminated running running',
    'Running node-1 terminated running terminated',
    'Running node-1 terminated terminated terminated',
    'Succeeded node-1 terminated terminated terminated',
  ])
  const events = eventsOf(client, pods[0]!)
  expect(
    events
      .map(({ reason }) => reason)
      .filter((each) => each !== 'Created' && each !== 'Started')
      .toSorted(),
  ).toEqual(['Killing', 'Pulled', 'Pulled', 'Pulled', 'Pulling', 'Scheduled'])
  expect(events.find(({ reason }) => reason === 'Pulling')).toMatchObject({
    message: 'Pulling image "node:20"',
    involvedObject: { fieldPath: 'spec.containers{build}' },
  })
})

it('a script is for one pod, and the last for all further ones', async () => {
  const client = await start()
  client.api.scenario(/^a-/, [boots(), fake.startFails()], [boots(), guardRuns()])
  const phases = []
  for (const name of ['a-1', 'a-2', 'a-3']) {
    await create(client, name)
    const ended = () => client.api.podsOf(name).find(({ status }) => /Succeeded|Failed/.test(status.phase))
    phases.push((await until(`${name} has ended`, ended)).status.phase)
  }
  expect(phases).toEqual(['Failed', 'Succeeded', 'Succeeded'])
})

it('a scenario that cannot be is the error of stop()', async () => {
  const api = await fake.FakeKubeApi.start({ clock: testClock() })
  api.scenario('a', [scheduled(), prints('x', 'nope'), pulled({ container: 'nope' })])
  api.add('jobs', {
    metadata: { name: 'a' },
    spec: { template: { spec: { containers: [{ name: 'build', image: 'x' }] } } },
  })
  await until('the pod', () => api.podsOf('a')[0]?.spec.nodeName)
  await testClock().advance(20)
  await expect(api.stop()).rejects.toThrow(/names a container "nope"/)
})

describe('before the start', () => {
  const made = [scheduled(), initialized()]
  it('unschedulable: a condition, and an event that becomes a series', async () => {
    const { client, pod, reached } = await run([
      fake.unschedulable('0/3 nodes are available: no.', { times: 3, everyMs: 5 }),
      hangs,
    ])
    await reached('it says so', (each) => condition(each, 'PodScheduled')?.reason === 'Unschedulable')
    const event = () => eventsOf(client, pod).find(({ series }) => series?.count === 3)
    expect(await until('three', event)).toMatchObject({
      reason: 'FailedScheduling',
      type: 'Warning',
      firstTimestamp: null,
    })
  })
  it('a pull that fails goes between ErrImagePull and ImagePullBackOff, and can succeed at last', async () => {
    const { client, pod, reached } = await run([
      made,
      fake.pullFails({ everyMs: 20, times: 2 }),
      pulled(),
      started,
      guardRuns(),
    ])
    expect(waiting(await reached('one', (each) => waiting(each)?.reason === 'ErrImagePull'))?.message).toMatch(
      /node:20: not found$/,
    )
    expect(waiting(await reached('other', (each) => waiting(each)?.reason === 'ImagePullBackOff'))?.message).toMatch(
      /^Back-off pulling image "node:20": ErrImagePull: /,
    )
    await reached('its success', ({ status }) => status.phase === 'Succeeded')
    expect(eventsOf(client, pod).find(({ message }) => message === 'Error: ErrImagePull')?.count).toBe(2)
  })
  it.each([
    ['InvalidImageName', fake.imageNameInvalid(), /couldn't parse image name "node:20": invalid reference format$/],
    ['CreateContainerConfigError', fake.secretMissing('s'), /^secret "s" not found$/],
    ['CreateContainerError', fake.createFails('no such device'), /^no such device$/],
  ])('%s', async (reason, move, message) => {
    const { client, pod, reached } = await run([made, move, hangs])
    expect(waiting(await reached('it', (each) => waiting(each)?.reason === reason))?.message).toMatch(message)
    expect(eventsOf(client, pod).some(({ type, message }) => type === 'Warning' && message.startsWith('Error: '))).toBe(
      true,
    )
  })
  it.each([
    [
      'FailedMount',
      fake.mountFails('steps', 'secret "a" not found'),
      'MountVolume.SetUp failed for volume "steps" : secret "a" not found',
    ],
    ['FailedCreatePodSandBox', fake.sandboxFails('no runtime'), 'Failed to create pod sandbox: no runtime'],
  ])('%s is in events only', async (reason, move, message) => {
    const { client, pod, reached } = await run([scheduled(), move, hangs])
    await until('the event', () =>
      eventsOf(client, pod).find((each) => each.reason === reason && each.message === message),
    )
    await reached('it waits', (each) => waiting(each)?.reason === 'PodInitializing')
  })
  it("a start that fails is the pod's end, with exit 128 and a time before time", async () => {
    const { reached } = await run([made, pulled(), fake.startFails('no such file')])
    const pod = await reached('its end', ({ status }) => status.phase === 'Failed')
    expect(terminated(pod)).toMatchObject({
      exitCode: 128,
      reason: 'StartError',
      message: 'no such file',
      startedAt: '1970-01-01T00:00:00Z',
    })
  })
  it('so is an init container that fails', async () => {
    const { reached } = await run([scheduled(), fake.initFails({ exitCode: 2, message: 'disk full' })])
    const pod = await reached('its end', ({ status }) => status.phase === 'Failed')
    expect(pod.status.initContainerStatuses?.[0]?.state.terminated).toMatchObject({ exitCode: 2, message: 'disk full' })
  })
})

describe('after the start', () => {
  const forever = guardRuns({ steps: [{ output: 'x\n', outcome: 'hangs' }] })
  const recordOf = (pod: Pod) =>
    JSON.parse(terminated(pod)?.message?.split('\n')[1] ?? 'null') as { outcome: string; line: string } | null
  const failed = ({ status }: Pod) => status.phase === 'Failed'

  it('OOM-killed, also with exit 0', async () => {
    const oom = guardRuns({ endsAs: { reason: 'OOMKilled', exitCode: 0 } })
    const { reached } = await run([boots(), oom])
    const pod = await reached('its end', ({ status }) => status.phase === 'Succeeded')
    expect(terminated(pod)).toMatchObject({ reason: 'OOMKilled', exitCode: 0 })
  })
  it('evicted: reason, message and condition in one update', async () => {
    const { client, pod, reached } = await run([
      boots(),
      fake.alongside(wait(10), fake.evicted('The node was low on resource: memory.')),
      forever,
    ])
    const ended = await reached('its end', failed)
    expect(ended.status).toMatchObject({ reason: 'Evicted', message: 'The node was low on resource: memory.' })
    expect(condition(ended, 'DisruptionTarget')).toMatchObject({ status: 'True', reason: 'TerminationByKubelet' })
    expect(recordOf(ended)?.outcome).toBe('terminated')
    expect(eventsOf(client, pod).map(({ reason }) => reason)).toContain('Evicted')
  })
  it.each([
    ['preempted', fake.preempted, 'PreemptionByScheduler'],
    ['drained', fake.drained, 'EvictionByEvictionAPI'],
  ])('%s: an ordinary deletion with a condition', async (_, move, reason) => {
    const { client, now } = await run([boots(), fake.alongside(wait(10), move), forever])
    const { seen } = await watch(client.config, `/api/v1/namespaces/${namespace}/pods`, {})
    await until('it is gone', () => now() === undefined)
    await until('that is seen', () => seen.at(-1)?.type === 'DELETED')
    const last = seen.at(-1)!.object as Pod
    expect(condition(last, 'DisruptionTarget')?.reason).toBe(reason)
    expect([last.status.phase, recordOf(last)?.outcome]).toEqual(['Failed', 'terminated'])
  })
  it('its node lost: unready, then deleted, and yet there', async () => {
    const { client, now, reached } = await run([boots(), fake.nodeLost(30), hangs])
    await reached('it is unready', (pod) => condition(pod, 'Ready')?.reason === 'NodeNotReady')
    await reached('it is to go', (pod) => condition(pod, 'DisruptionTarget')?.reason === 'DeletionByTaintManager')
    await until('its Job has failed', () =>
      client.api.job('a')?.status.conditions?.some(({ type }) => type === 'FailureTarget'),
    )
    expect(now()?.status.phase).toBe('Running')
  })
  it("the pod's deadline ends it, and leaves pod, log and record", async () => {
    const { reached, client } = await run([boots(), forever], { podDeadlineSeconds: 10 })
    const pod = await reached('its end', failed)
    expect(pod.status).toMatchObject({
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    })
    expect(terminated(pod)?.exitCode).toBe(143)
    expect(recordOf(pod)).toMatchObject({ outcome: 'terminated', line: 'killed by SIGTERM after SIGTERM' })
    const log = await client.core.readNamespacedPodLog({ namespace, name: pod.metadata.name, container: 'build' })
    expect(log).toMatch(/\nx\n.*"mark":"end".*\n.*"mark":"final".*\n$/)
  })
  it('a deadline that is lowered while it runs ends it at once', async () => {
    const { client, pod, reached } = await run([boots(), forever], { podDeadlineSeconds: 3600 })
    await reached('it runs', ({ status }) => status.phase === 'Running')
    const body = { spec: { activeDeadlineSeconds: 1 } }
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
    await client.core.patchNamespacedPod({ namespace, name: pod.metadata.name, body }, merge)
    expect((await reached('its end', failed)).status.reason).toBe('DeadlineExceeded')
  })
  it('one that ignores SIGTERM is killed after its grace, and leaves the interim record', async () => {
    const deaf = guardRuns({ steps: [{ outcome: 'hangs' }], ignoresTerm: true })
    const { reached } = await run([boots(), deaf], { podDeadlineSeconds: 5, graceSeconds: 5 })
    const pod = await reached('its end', failed)
    expect(terminated(pod)?.exitCode).toBe(137)
    expect(recordOf(pod)?.line).toBe('told to stop by SIGTERM; the command had not ended yet')
  })
  it('a termination message is cut to its last 4096 bytes', async () => {
    const { reached } = await run([boots(), fake.ends({ exitCode: 1, message: `${'x'.repeat(5000)}end` })])
    const message = terminated(await reached('its end', failed))?.message
    expect([message?.length, message?.slice(-4)]).toEqual([4096, 'xend'])
  })
})
