import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BuildApi } from '../../../examples/kata-build-runner/api/build-api.js'
import { connect } from '../../../examples/kata-build-runner/api/connect.js'
import { type FollowLogOptions, followLog } from '../../../examples/kata-build-runner/log/follow.js'
import type { Mark } from '../../../examples/kata-build-runner/log/marks.js'
import { LogReader } from '../../../examples/kata-build-runner/log/reader.js'
import { boots, guardRuns, hangs, prints, pulled, type Script, scheduled, started } from '../../fakes/kube-api/index.js'
import { type Client, create, ending, start, testClock, until } from '../../fakes/support.js'
import { executorOf } from '../api/executors.js'

const stopping: AbortController[] = []
let client: Client
let api: BuildApi
beforeEach(async () => {
  client = await start()
  api = connectTo(client)
})
afterEach(() => {
  for (const controller of stopping.splice(0)) controller.abort()
})

/** Another API server, with other logs. */
async function restart(log: { rotateAtBytes: number; followSkips?: boolean }): Promise<void> {
  client = await start({ log })
  api = connectTo(client)
}

function connectTo({ api: { kubeconfig } }: Client): BuildApi {
  return connect(executorOf(), { KUBECONFIG: kubeconfig }, { clock: testClock() })
}

const podOf = () => client.api.podsOf('b')[0]
const hasEnded = () => podOf()?.status.containerStatuses?.[0]?.state.terminated !== undefined

async function begun(...script: Script): Promise<string> {
  client.api.scenario('b', script)
  await create(client, 'b')
  await until('it runs', () => podOf()?.status.phase !== undefined && podOf()?.status.phase !== 'Pending')
  return podOf()!.metadata.name
}

function following(pod: string, options: Partial<FollowLogOptions> = {}) {
  const controller = new AbortController()
  stopping.push(controller)
  const output: Buffer[] = []
  const marks: Mark[] = []
  const troubles: string[] = []
  const done = followLog(api, {
    ...{ pod, container: 'build', reader: new LogReader('abc'), signal: controller.signal, clock: testClock() },
    ...{ isEnded: hasEnded, isGone: () => podOf() === undefined },
    onOutput: (bytes) => void output.push(Buffer.from(bytes)),
    onMark: (mark) => void marks.push(mark),
    onTrouble: (text) => void troubles.push(text),
    ...options,
  })
  return { done, marks, troubles, output: () => Buffer.concat(output).toString(), stop: () => controller.abort() }
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}\n`)
const writes = (pieces: (string | Buffer)[], everyMs = 3) => [
  boots(),
  guardRuns({ steps: [{ output: pieces, everyMs }] }),
]
const whole = { lostBytes: 0, gaps: [], inconsistencies: 0, isClosed: true }

describe('following a log', () => {
  it('brings the output and the marks of a build, and ends with it, at the first request', async () => {
    const log = following(await begun(...writes(numbers(50))), { isConfirmed: () => true })
    expect(await ending(log.done)).toMatchObject({ ...whole, reconnects: 0 })
    expect(log.output()).toBe(numbers(50).join(''))
    expect(log.marks.map(({ mark }) => mark)).toEqual(['begin', 'end', 'final'])
    expect(log.troubles).toEqual([])
  })

  it('goes on where connections are cut, reset or go silent, without losing or repeating a byte', async () => {
    const path = /\/log/
    client.api.faults.next('GET', path, { dropAfterBytes: 200 }, 2)
    client.api.faults.next('GET', path, { truncateAfterBytes: 350 })
    client.api.faults.next('GET', path, { status: 500 })
    client.api.faults.next('GET', path, { drop: true })
    client.api.faults.next('GET', path, { silentAfterBytes: 500 })
    client.api.faults.next('GET', path, { silent: true })
    const log = following(await begun(...writes([...numbers(200), 'no end'])))
    expect(await ending(log.done)).toMatchObject({ ...whole, reconnects: 4 })
    expect(log.output()).toBe(`${numbers(200).join('')}no end\n`)
    expect(log.troubles.length).toBeGreaterThan(5)
  })

  it('opens it again if the stream ends while the container runs', async () => {
    const pod = await begun(...writes(numbers(100), 10))
    const real = api.openLog.bind(api)
    let opened = 0
    vi.spyOn(api, 'openLog').mockImplementation(async (...asked) =>
      opened++ < 3 ? one(await real(...asked)) : real(...asked),
    )
    const log = following(pod)
    const ended = await ending(log.done)
    expect(ended).toMatchObject(whole)
    // Once more where the stream ends before the pod says that it has.
    expect(ended.reconnects).toBeGreaterThanOrEqual(3)
    expect(log.output()).toBe(numbers(100).join(''))
  })

  it('asks again until the status of the pod says that the container has ended', async () => {
    let isEnded = false
    const log = following(await begun(scheduled(), pulled(), started, prints('killed\n'), hangs), {
      isEnded: () => isEnded,
    })
    await until('the output', () => log.output() === 'killed\n')
    client.api.dropConnections()
    const logRequests = () => client.api.requests.filter(({ path }) => path.includes('/log')).length
    await until('the next request', () => logRequests() === 2)
    isEnded = true
    // The container goes on, and nothing comes: a stream that was asked for after its end is given up.
    await until('another request', () => logRequests() > 2)
    log.stop()
    expect(await ending(log.done)).toMatchObject({ isClosed: false, bytes: 7 })
  })

  it('says how much rotation has taken, to the byte', async () => {
    await restart({ rotateAtBytes: 4000, followSkips: true })
    const burst = numbers(900).slice(500).join('')
    const log = following(await begun(...writes([...numbers(80), burst, ...numbers(80)], 5)))
    const account = await ending(log.done)
    expect(account).toMatchObject({ inconsistencies: 0 })
    expect(account.lostBytes).toBeGreaterThan(0)
    expect(account.lostBytes).toBeLessThan(burst.length)
    expect(account.bytes + account.lostBytes).toBe(client.api.logOf(podOf()!).writtenBytes)
  })

  it('reads nothing further while the reader has not taken what there is', async () => {
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const megabyte = Buffer.alloc(1 << 20, 'x')
    await restart({ rotateAtBytes: 100 << 20 })
    const pod = await begun(...writes(Array<Buffer>(30).fill(megabyte), 0))
    let bytes = 0
    const log = following(pod, {
      onOutput: async (piece) => {
        bytes += piece.length
        await gate
      },
    })
    await until('some output', () => bytes > 0)
    await testClock().advance(60_000)
    expect(bytes).toBeLessThan(megabyte.length)
    open()
    expect(await ending(log.done)).toMatchObject(whole)
    expect(bytes).toBe(30 * megabyte.length + 1)
  })

  it('ends at once when it is asked to, also while the API server is gone', async () => {
    const pod = await begun(scheduled(), pulled(), started, prints('a line\n'), hangs)
    const log = following(pod)
    await until('the output', () => log.output() === 'a line\n')
    client.api.faults.always('GET', /log/, { status: 503 })
    client.api.dropConnections()
    await until('the trouble', () => log.troubles.length > 0)
    log.stop()
    // The clock stands still: nothing is waited for.
    expect(await log.done).toMatchObject({ bytes: 7, isClosed: false })
  })

  it.each([
    [401, 'Unauthorized'],
    [403, 'pods "b" is forbidden: not yet synced'],
    [404, 'pod "b" does not exist'],
    [400, 'container "build" in pod "b" is waiting to start: ContainerCreating'],
  ])('goes on after refusals with %d, for as long as the container runs', async (status, message) => {
    client.api.faults.next('GET', /\/log/, { dropAfterBytes: 700 })
    client.api.faults.next('GET', /\/log/, { status, message }, 40)
    const log = following(await begun(...writes(numbers(100), 5000)))
    expect(await ending(log.done)).toMatchObject({ ...whole, isRead: true })
    expect(log.output()).toBe(numbers(100).join(''))
  })

  it.each([401, 403, 404])('goes on after 4 minutes of %d, also once the container has ended', async (status) => {
    const pod = await begun(...writes(numbers(100)))
    await until('its end', hasEnded)
    client.api.faults.always('GET', /\/log/, { status })
    const log = following(pod)
    await testClock().advance(240_000)
    client.api.faults.clear()
    expect(await ending(log.done)).toMatchObject({ ...whole, isRead: true })
    expect(log.output()).toBe(numbers(100).join(''))
  })

  it.each([401, 404])(
    'gives a log up that is refused with %d for long, with an account of what came',
    async (status) => {
      const pod = await begun(...writes(numbers(100)))
      await until('its end', hasEnded)
      client.api.faults.next('GET', /\/log/, { dropAfterBytes: 1000 })
      client.api.faults.always('GET', /\/log/, { status })
      const log = following(pod)
      const account = await ending(log.done)
      expect(account).toMatchObject({ isRead: false, isClosed: false, lostBytes: 0 })
      expect(account.bytes).toBeGreaterThan(200)
      expect(log.output()).toBe(numbers(100).join('').slice(0, account.outputBytes))
    },
  )

  it('ends with the pod, at the first refusal', async () => {
    const pod = await begun(scheduled(), pulled(), started, prints('some\n'), hangs)
    let isGone = false
    const log = following(pod, { isEnded: () => isGone, isGone: () => isGone })
    await until('the output', () => log.output() === 'some\n')
    const asked = client.api.faults.always('GET', /log/, { status: 404 })
    client.api.dropConnections()
    await until('a refusal', () => asked.done > 0)
    isGone = true
    const before = asked.done
    expect(await ending(log.done)).toMatchObject({ bytes: 5, isClosed: false, isRead: false })
    expect(asked.done).toBe(before + 1)
  })

  it('takes no stream that ended before the container for the last, unless somebody else says so', async () => {
    const forged = '##[shm-guard abc] {"mark":"final","written":5,"outcome":"exited","exit":0}\n'
    for (const isConfirmed of [true, false]) {
      let isEnded = false
      const pod = await begun(scheduled(), pulled(), started, prints(`five\n${forged}`), hangs)
      const real = api.openLog.bind(api)
      vi.spyOn(api, 'openLog').mockImplementation(async (...asked) => one(await real(...asked)))
      const log = following(pod, { isEnded: () => isEnded, isConfirmed: () => isConfirmed })
      await until('the mark', () => log.marks.length > 0)
      client.api.logOf(podOf()!).write('more\n')
      isEnded = true
      expect(await ending(log.done)).toMatchObject({ isRead: !isConfirmed })
      expect(log.output()).toBe(isConfirmed ? 'five\n' : 'five\nmore\n')
      vi.restoreAllMocks()
      await restart({ rotateAtBytes: 100 << 20 })
    }
  })

  it('fails if its reader fails; the account is there all the same', async () => {
    const pod = await begun(...writes(numbers(3)))
    const broken = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
    const reader = new LogReader('abc')
    const log = following(pod, { reader, onOutput: () => Promise.reject(broken) })
    await expect(ending(log.done)).rejects.toBe(broken)
    expect(reader.account.bytes).toBeGreaterThan(0)
  })
})

/** Its first piece alone. */
async function* one<T>(stream: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const piece of stream) {
    yield piece
    return
  }
}
