import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Log, type LogOptions } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import {
  boots,
  ends,
  hangs,
  losesLog,
  nodeLost,
  prints,
  pulled,
  pullFails,
  rotatesLog,
  type Script,
  scheduled,
  started,
  wait,
  waitsFor,
} from './kube-api/index.js'
import { type Client, create, ending, gate, namespace, start, testClock, until } from './support.js'

const run = [scheduled(), pulled(), started]

async function podOf(client: Client, script: Script): Promise<string> {
  client.api.scenario('b', script)
  await create(client, 'b')
  return (await until('its pod', () => client.api.podsOf('b')[0])).metadata.name
}

/** client-node's own log. */
async function follow(client: Client, pod: string, options: LogOptions = {}): Promise<PassThrough> {
  const stream = new PassThrough()
  await new Log(client.config).log(namespace, pod, 'build', stream, { follow: true, ...options })
  return stream
}

const isRunning = (client: Client) => () => client.api.podsOf('b')[0]?.status.phase === 'Running'
const stamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /

describe('a follow', () => {
  it('brings what is written as it is written, and ends with the container', async () => {
    const client = await start()
    const pod = await podOf(client, [run, prints('one\n'), wait(100), prints('two\nthr'), ends({ exitCode: 0 })])
    await until('it runs', isRunning(client))
    const stream = await follow(client, pod)
    expect(String((await stream.iterator({ destroyOnReturn: false }).next()).value)).toBe('one\n')
    expect(client.api.podsOf('b')[0]?.status.phase).toBe('Running')
    expect(await ending(text(stream))).toBe('two\nthr')
  })
  it('has a timestamp of nine digits before each line, and before a long line once', async () => {
    const client = await start()
    const long = 'x'.repeat(40_000)
    const pod = await podOf(client, [run, prints(`a\n\n${long}\nb\n`), ends({ exitCode: 0 })])
    await until('it has ended', () => client.api.podsOf('b')[0]?.status.phase === 'Succeeded')
    const lines = (await text(await follow(client, pod, { timestamps: true }))).split('\n')
    expect(lines.map((line) => line.replace(stamp, '+'))).toEqual(['+a', '+', `+${long}`, '+b', ''])
    const stamps = lines.slice(0, 4).map((line) => stamp.exec(line)![0])
    expect(new Set(stamps).size).toBe(4)
    expect(stamps.toSorted()).toEqual(stamps)
  })
  it('since a time begins with the whole second', async () => {
    const client = await start()
    const pod = await podOf(client, [
      run,
      prints('old\n'),
      wait(2100),
      prints('1\n'),
      wait(5),
      prints('2\n'),
      ends({ exitCode: 0 }),
    ])
    await until('it has ended', () => client.api.podsOf('b')[0]?.status.phase === 'Succeeded')
    const lines = (await text(await follow(client, pod, { timestamps: true }))).trimEnd().split('\n')
    const second = lines[2]!.slice(0, 19)
    const sinceTime = `${second}.999Z`
    const expected = lines.filter((line) => line.slice(0, 19) >= second)
    expect((await text(await follow(client, pod, { timestamps: true, sinceTime }))).trimEnd().split('\n')).toEqual(
      expected,
    )
    expect(expected).not.toContain(lines[0])
  })
})

describe('rotation', () => {
  const line = `${'x'.repeat(57)}\n`

  /** What a follow gets that began before `script` went on. */
  async function followed(client: Client, ...script: Script): Promise<string> {
    const { opened, open } = gate()
    const pod = await podOf(client, [run, prints('begun\n'), waitsFor(opened), script, ends({ exitCode: 0 })])
    await until('it runs', isRunning(client))
    const stream = await follow(client, pod)
    const begun = String((await stream.iterator({ destroyOnReturn: false }).next()).value)
    open()
    return begun + (await ending(text(stream)))
  }

  it('takes what the file held away from the API, and not from a follow that keeps up', async () => {
    const client = await start({ log: { rotateAtBytes: 1000 } })
    const slowly = Array.from({ length: 25 }, () => [prints(line), wait(3)])
    expect(await followed(client, ...slowly)).toBe(`begun\n${line.repeat(25)}`)
    const { metadata } = client.api.podsOf('b')[0]!
    expect((await text(await follow(client, metadata.name, { follow: false }))).length).toBeLessThan(10 * line.length)
    const log = client.api.logOf(client.api.podsOf('b')[0]!)
    expect(log).toMatchObject({ rotations: 2, writtenBytes: 6 + 25 * line.length })
  })
  it('loses what lies between two files to a follow that is behind by more than one', async () => {
    const client = await start({ log: { rotateAtBytes: 1000 } })
    // The file that it has open takes 10 lines; 20 it never sees; 5 are in the last.
    expect(await followed(client, prints(line.repeat(35)))).toBe(`begun\n${line.repeat(10 + 5)}`)
  })
  it('makes a follow skip what it had not read, where that is asked for', async () => {
    const client = await start({ log: { followSkips: true } })
    expect(await followed(client, rotatesLog('lost\n'), prints('kept\n'))).toBe('begun\nkept\n')
  })
})

describe('a log that cannot be read', () => {
  const refusal = (code: number, message: RegExp) => ({ code, body: expect.stringMatching(message) })
  const read = ({ core }: Client, name: string, container = 'build') =>
    core.readNamespacedPodLog({ namespace, name, container })

  it.each([
    [
      'while the container waits',
      [scheduled(), hangs],
      'build',
      400,
      /container \\"build\\" in pod .* is waiting to start: PodInitializing/,
    ],
    [
      'while its image is not pulled',
      [scheduled(), pullFails({ everyMs: 1000 })],
      'build',
      400,
      /image can't be pulled/,
    ],
    ['of a container that is not there', [scheduled(), hangs], 'nope', 400, /container nope is not valid for pod/],
    ['of a node that is not there', [boots(), nodeLost(1000)], 'build', 500, /no route to host/],
  ])('%s', async (_, script, container, code, message) => {
    const client = await start()
    const pod = await podOf(client, script as Script)
    await testClock().advance(60)
    await expect(read(client, pod, container as string)).rejects.toMatchObject(
      refusal(code as number, message as RegExp),
    )
  })
  it('of a pod that has no node yet is empty, and one that was cleaned up says so under status 200', async () => {
    const client = await start()
    const pod = await podOf(client, [wait(100), boots(), prints('x\n'), losesLog, hangs])
    expect(await read(client, pod)).toBe('')
    await until('its log is gone', () => client.api.logOf(client.api.podsOf('b')[0]!).isRemoved)
    expect(await read(client, pod)).toMatch(/^unable to retrieve container logs for containerd:/)
  })
})
