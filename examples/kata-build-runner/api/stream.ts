import type { Agent, IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { ApiException, type KubeConfig } from '@kubernetes/client-node'
import { after, type Clock } from '../model/clock.js'
import type { Agents } from './agents.js'

// Why not client-node's own Watch and Log: neither can be aborted before the answer is there, both ignore their connect
// timeout, and Log never ends its stream when the connection breaks.

export interface StreamOptions {
  query: Record<string, string>
  /** Ends the wait for the answer and the stream, at once. */
  signal: AbortSignal
  clock: Clock
  /** How long the answer's head may take, in milliseconds. Without one the signal alone limits it. */
  answerMs?: number
  /** How long nothing may come after that, in milliseconds. The reader's own time does not count. */
  idleMs?: number
}

/** A connection of which the other end is gone is found by the kernel after about 40 s, unless something between answers. */
const keepAliveMs = 30_000
/** Of a refusal's body so much is read. */
const mostRefusalBytes = 64 * 1024

/**
 * GETs what comes piece by piece. Nothing is read ahead of the reader beyond the socket's own buffers.
 *
 * @throws ApiException if the answer is another than 200; otherwise errors with a system's code
 */
export async function openStream(
  config: KubeConfig,
  agents: Agents,
  path: string,
  options: StreamOptions,
): Promise<AsyncIterable<Buffer>> {
  const { signal, query, clock, answerMs } = options
  signal.throwIfAborted()
  const url = new URL(`${config.getCurrentCluster()!.server.replace(/\/$/, '')}${path}`)
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value)
  const settings: RequestOptions = { method: 'GET' }
  await config.applyToHTTPSOptions(settings)
  settings.agent = agents.forStream(settings.agent as Agent)
  const response = await answerTo(url, settings, options)
  if (response.statusCode !== 200) throw await refusalFrom(response, clock, answerMs)
  return pieces(response, options)
}

async function answerTo(
  url: URL,
  settings: RequestOptions,
  { signal, clock, answerMs }: StreamOptions,
): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    // With its signal Node.js destroys request and answer whenever that is aborted.
    const request = httpsRequest(url, { ...settings, signal })
    const answered = answerMs === undefined ? () => {} : after(clock, answerMs, () => request.destroy(late(answerMs)))
    request.on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs))
    request.once('response', (response) => {
      answered()
      resolve(response)
    })
    // Also later: an error after the answer is the answer's, and one without a listener ends the process.
    request.on('error', (error) => {
      answered()
      reject(signal.aborted ? signal.reason : error)
    })
    request.end()
  })
}

async function* pieces(
  response: IncomingMessage,
  { signal, clock, idleMs }: StreamOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const iterator = response[Symbol.asyncIterator]()
  let came = () => {}
  try {
    for (;;) {
      if (idleMs !== undefined) came = after(clock, idleMs, () => response.destroy(late(idleMs)))
      const { done, value } = await iterator.next()
      came()
      if (done) return
      yield value as Buffer
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    came()
    response.destroy()
  }
}

async function refusalFrom(response: IncomingMessage, clock: Clock, answerMs = 10_000): Promise<ApiException<string>> {
  const chunks: Buffer[] = []
  let size = 0
  const read = after(clock, answerMs, () => response.destroy(late(answerMs)))
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size >= mostRefusalBytes) break
    }
  } catch {
    // The status says enough.
  } finally {
    read()
    response.destroy()
  }
  const headers = Object.fromEntries(Object.entries(response.headers).map(([key, value]) => [key, String(value)]))
  return new ApiException(response.statusCode ?? 0, 'refused', Buffer.concat(chunks).toString(), headers)
}

function late(ms: number): Error {
  return Object.assign(new Error(`nothing came for ${ms / 1000} s`), { code: 'ETIMEDOUT' })
}
