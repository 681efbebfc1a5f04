import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type Drained, type DrainOutcome, drain } from '../drain/drain.js'
import { contentType, type WatchMetrics } from './metrics.js'
import type { Watcher } from './watcher.js'

export interface ServerOptions {
  watcher: Watcher
  metrics: WatchMetrics
  settleMs: number
  drainTimeoutMs: number
  say: (line: string) => void
}

/**
 * `/metrics`, and `/drain`, the preStop hook of the daemon's container: it is answered once no build runs. It only waits
 * and changes nothing: the steps of builds share the pod's network, so any of them can ask.
 */
export function watchServer(options: ServerOptions): Server {
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/metrics') {
      response.writeHead(200, { 'content-type': contentType }).end(options.metrics.text())
    } else if (pathname === '/drain') {
      void answerDrain(request, response, options)
    } else {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('ask /drain or /metrics\n')
    }
  })
}

async function answerDrain(
  request: IncomingMessage,
  response: ServerResponse,
  { watcher, settleMs, drainTimeoutMs, say }: ServerOptions,
): Promise<void> {
  const gone = new AbortController()
  request.on('error', () => {})
  response.on('close', () => gone.abort())
  const outcome = await drain({
    look: () => lookAt(watcher),
    ...{ settleMs, timeoutMs: drainTimeoutMs, say, signal: gone.signal },
  })
  const text = drainText(outcome)
  say(text)
  if (!response.destroyed) response.writeHead(200, { 'content-type': 'text/plain' }).end(`${text}\n`)
}

function lookAt({ isHung, known, state }: Watcher): Drained {
  // An answer that is owed is no answer from before: a hang is what is so now.
  if (isHung) return { refs: undefined, isOver: 'the daemon does not answer', askedMs: Number.POSITIVE_INFINITY }
  return { ...known, isOver: state === 'absent' ? 'no daemon is there' : undefined }
}

export function drainText(outcome: DrainOutcome): string {
  switch (outcome.kind) {
    case 'drained':
      return 'drained: no build runs'
    case 'over':
      return `drain ended: ${outcome.why}`
    case 'timeout':
      return outcome.refs === undefined
        ? 'drain timed out; the daemon did not say that no build runs'
        : `drain timed out; these builds are lost: ${outcome.refs.join(', ')}`
    case 'cancelled':
      return 'drain cancelled: its client is gone'
  }
}
