import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import { Log } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { boots, hangs, prints } from './kube-api/index.js'
import { type Client, create, ending, namespace, start, testClock, until, watch } from './support.js'

const list = ({ batch }: Client) => batch.listNamespacedJob({ namespace })

describe('a fault', () => {
  it('is met so often as it was planned, by the requests that it was planned for', async () => {
    const client = await start()
    const fault = client.api.faults.next('GET', /\/jobs/, { status: 429, retryAfter: 7 }, 2)
    await client.core.listNamespacedPod({ namespace })
    for (let time = 0; time < 2; time++)
      await expect(list(client)).rejects.toMatchObject({
        code: 429,
        headers: { 'retry-after': '7' },
        body: expect.stringContaining('"retryAfterSeconds":7'),
      })
    await list(client)
    expect(fault.done).toBe(2)
  })
  it('500 for ever, until it is taken back', async () => {
    const client = await start()
    client.api.faults.always('*', /./, { status: 500 })
    for (let time = 0; time < 3; time++) await expect(list(client)).rejects.toMatchObject({ code: 500 })
    client.api.faults.clear()
    await list(client)
  })
  it('slow: the answer comes, later', async () => {
    const client = await start()
    client.api.faults.next('GET', /\/jobs/, { slowMs: 120_000 })
    let isAnswered = false
    const answer = list(client).then(() => {
      isAnswered = true
    })
    await testClock().advance(119_999)
    expect(isAnswered).toBe(false)
    await ending(answer)
    expect(testClock().now()).toBe(120_000)
  })
  it('dropped before the answer: nothing was done', async () => {
    const client = await start()
    client.api.faults.next('POST', /\/jobs/, { drop: true })
    await expect(create(client, 'a')).rejects.toThrow(/socket hang up|ECONNRESET/)
    expect(client.api.job('a')).toBeUndefined()
  })
  it.each([{ drop: true }, { status: 500 }])(
    '%o after the work: it was done, and only the answer is lost',
    async (fault) => {
      const client = await start()
      client.api.faults.next('POST', /\/jobs/, { ...fault, afterWork: true })
      await expect(create(client, 'a', { suspend: true })).rejects.toThrow()
      expect(client.api.job('a')).toBeDefined()
      await expect(create(client, 'a')).rejects.toMatchObject({ code: 409 })
    },
  )
  it('silent: neither answer nor end', async () => {
    const client = await start()
    client.api.faults.next('GET', /\/jobs/, { silent: true })
    let outcome = 'none'
    const answer = list(client).then(
      () => (outcome = 'answered'),
      () => (outcome = 'failed'),
    )
    await testClock().advance(3_600_000)
    expect([outcome, client.api.requests.length]).toEqual(['none', 1])
    client.api.dropConnections()
    expect(await answer).toBe('failed')
  })
})

describe('a fault in the middle', () => {
  const path = `/apis/batch/v1/namespaces/${namespace}/jobs`

  it.each(['dropAfterBytes', 'truncateAfterBytes'] as const)('%s of an answer is an error', async (kind) => {
    const client = await start()
    await create(client, 'a', { suspend: true })
    client.api.faults.next('GET', /\/jobs/, { [kind]: 40 })
    await expect(list(client)).rejects.toThrow(/Premature close|aborted|terminated|ECONNRESET|socket hang up/)
    await list(client)
  })
  it.each(['dropAfterBytes', 'truncateAfterBytes'] as const)(
    '%s of a watch: what came before is whole',
    async (kind) => {
      const client = await start()
      client.api.faults.next('GET', /watch=true/, { [kind]: 5000 })
      const { seen, done } = await watch(client.config, path, {})
      for (let i = 0; i < 6; i++) await create(client, `a-${i}`, { suspend: true })
      expect(await done).toBeInstanceOf(Error)
      expect(seen.length).toBeGreaterThan(0)
      expect(seen.length).toBeLessThan(6)
    },
  )
  it('truncateAfterBytes ends within a chunk that announced more', async () => {
    const { api } = await start()
    api.faults.next('GET', /\/jobs/, { truncateAfterBytes: 40 })
    const { port, hostname } = new URL(api.url)
    const socket = connect({ port: Number(port), host: hostname, ca: api.ca })
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.token}\r\n\r\n`)
    const [, announced, body] = /\r\n\r\n([0-9a-f]+)\r\n(.*)$/s.exec(await text(socket)) ?? []
    expect(body).toHaveLength(40)
    expect(Number.parseInt(announced!, 16)).toBeGreaterThan(40)
  })
  it('silentAfterBytes of a watch: it stays, and says nothing', async () => {
    const client = await start()
    client.api.faults.next('GET', /watch=true/, { silentAfterBytes: 0 })
    const { seen, done } = await watch(client.config, path, {})
    await create(client, 'a', { suspend: true })
    let isOver = false
    void done.then(() => (isOver = true))
    await testClock().advance(60_000)
    expect([isOver, seen]).toEqual([false, []])
  })
  it('breaks a log after just so many bytes', async () => {
    const client = await start()
    client.api.scenario('b', [boots(), prints('0123456789\n'.repeat(100)), hangs])
    await create(client, 'b')
    await until('it runs', () => client.api.podsOf('b')[0]?.status.phase === 'Running')
    client.api.faults.next('GET', /\/log\?/, { dropAfterBytes: 345 })
    const stream = new PassThrough()
    let bytes = 0
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length))
    await new Log(client.config).log(namespace, client.api.podsOf('b')[0]!.metadata.name, 'build', stream, {
      follow: true,
    })
    await until('the bytes before it have come', () => bytes === 345)
    await testClock().advance(60_000)
    expect(bytes).toBe(345)
  })
})
