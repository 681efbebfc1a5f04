import { KubeConfig } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { Agents } from '../../../examples/kata-build-runner/api/agents.js'
import { openStream, type StreamOptions } from '../../../examples/kata-build-runner/api/stream.js'
import type { Fault } from '../../fakes/kube-api/index.js'
import { ending, start, testClock, until } from '../../fakes/support.js'

const path = '/api/v1/namespaces/builds/pods'
const watching = { watch: 'true', timeoutSeconds: '2', sendInitialEvents: 'false' }

async function opened(fault: Fault, options: Partial<StreamOptions> = {}) {
  const { api } = await start()
  const config = new KubeConfig()
  config.loadFromFile(api.kubeconfig)
  api.scenario(/./, [])
  api.add('pods', { metadata: { name: 'a' }, spec: { containers: [] }, status: {} })
  api.faults.next('GET', /./, fault)
  const all = { query: {}, signal: new AbortController().signal, clock: testClock(), ...options }
  return { api, stream: openStream(config, new Agents(), path, all) }
}

async function read(stream: Promise<AsyncIterable<Buffer>>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of await stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

describe('a stream', () => {
  it('comes with its query, and to its end', async () => {
    const { api, stream } = await opened({}, { query: { labelSelector: 'a in (b,c)' } })
    expect(JSON.parse(await read(stream))).toMatchObject({ items: [] })
    expect(api.requests[0]?.path).toBe(`${path}?labelSelector=a+in+%28b%2Cc%29`)
  })

  it('is refused as a call is, with status, words and headers', async () => {
    const { stream } = await opened({ status: 429, retryAfter: 3 })
    await expect(stream).rejects.toMatchObject({
      code: 429,
      body: expect.stringContaining('Too many requests'),
      headers: { 'retry-after': '3' },
    })
  })

  it.each<[string, Fault, Partial<StreamOptions>, string]>([
    ['has no answer', { silent: true }, { answerMs: 15_000 }, 'ETIMEDOUT'],
    ['has no more bytes', { silentAfterBytes: 20 }, { idleMs: 150_000 }, 'ETIMEDOUT'],
    ['breaks off', { truncateAfterBytes: 20 }, {}, 'ECONNRESET'],
    ['is dropped', { drop: true }, {}, 'ECONNRESET'],
  ])('fails soon if it %s', async (_, fault, options, code) => {
    const { stream } = await opened(fault, options)
    const reading = read(stream)
    await expect(ending(reading)).rejects.toMatchObject({ code })
  })

  it('gives its reader the time that it takes', async () => {
    const { stream } = await opened({}, { idleMs: 5000 })
    let bytes = 0
    for await (const chunk of await stream) {
      bytes += chunk.length
      await testClock().advance(20_000)
    }
    expect(bytes).toBeGreaterThan(0)
  })

  it.each<[string, Fault]>([
    ['before the answer', { silent: true }],
    ['within it', { silentAfterBytes: 20 }],
  ])('ends at once when its signal says so, %s', async (_, fault) => {
    const controller = new AbortController()
    const { api, stream } = await opened(fault, { signal: controller.signal, idleMs: 150_000 })
    const reading = read(stream)
    reading.catch(() => {})
    await until('the request', () => api.requests.length === 1)
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(reading).rejects.toBe(reason)
  })

  it('ends its request when nobody reads on', async () => {
    const { api, stream } = await opened({}, { query: { ...watching, resourceVersion: '1' } })
    for await (const _ of await stream) break
    await until('the end of the watch', () => api.watchCount === 0)
  })
})
