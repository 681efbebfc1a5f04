import type { Agent, IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { ApiException, type KubeConfig } from '@kubernetes/client-node'
import type { Agents } from './agents.js'

// Why not client-node's own Watch and Log: neither can be aborted before the answer is there, both ignore their connect
// timeout, and Log never ends its stream when the connection breaks.

export interface StreamOptions {
  query: Record<string, string>
  /** Ends the wait for the answer and the stream, at once. */
  signal: AbortSignal
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
  const { signal, query, answerMs } = options
  signal.throwIfAborted()
  const url = new URL(`${config.getCurrentCluster()!.server.replace(/\/$/, '')}${path}`)
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value)
  const settings: RequestOptions = { method: 'GET' }
  await config.applyToHTTPSOptions(settings)
  settings.agent = agents.forStream(settings.agent as Agent)
  const response = await answerTo(url, settings, signal, answerMs)
  if (response.statusCode !== 200) throw await refusalFrom(response, answerMs)
  return pieces(response, options)
}

async function answerTo(
  url: URL,
  settings: RequestOptions,
  signal: AbortSignal,
  answerMs: number | undefined,
): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    // With its signal Node.js destroys request and answer whenever that is aborted.
    const request = httpsRequest(url, { ...settings, signal })
    const timer = answerMs === undefined ? undefined : setTimeout(() => request.destroy(late(answerMs)), answerMs)
    request.on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs))
    request.once('response', (response) => {
      clearTimeout(timer)
      resolve(response)
    })
    // Also later: an error after the answer is the answer's, and one without a listener ends the process.
    request.on('error', (error) => {
      clearTimeout(timer)
      reject(signal.aborted ? signal.reason : error)
    })
    request.end()
  })
}

async function* pieces(
  response: IncomingMessage,
  { signal, idleMs }: StreamOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const iterator = response[Symbol.asyncIterator]()
  let timer: NodeJS.Timeout | undefined
  try {
    for (;;) {
      if (idleMs !== undefined) timer = setTimeout(() => response.destroy(late(idleMs)), idleMs)
      const { done, value } = await iterator.next()
      clearTimeout(timer)
      if (done) return
      yield value as Buffer
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    clearTimeout(timer)
    response.destroy()
  }
}

async function refusalFrom(response: IncomingMessage, answerMs = 10_000): Promise<ApiException<string>> {
  const chunks: Buffer[] = []
  let size = 0
  const timer = setTimeout(() => response.destroy(late(answerMs)), answerMs)
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size >= mostRefusalBytes) break
    }
  } catch {
    // The status says enough.
  } finally {
    clearTimeout(timer)
    response.destroy()
  }
  const headers = Object.fromEntries(Object.entries(response.headers).map(([key, value]) => [key, String(value)]))
  return new ApiException(response.statusCode ?? 0, 'refused', Buffer.concat(chunks).toString(), headers)
}

function late(ms: number): Error {
  return Object.assign(new Error(`nothing came for ${ms / 1000} s`), { code: 'ETIMEDOUT' })
}
