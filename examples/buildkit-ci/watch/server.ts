import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type DrainOutcome, drain } from '../drain/drain.js'
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
 * `/metrics`, and `/drain`, the preStop hook of the daemon's container: it is answered once no build runs. It drains only
 * as long as its client waits, so that a client that should not have asked takes nothing away for long.
 */
export function watchServer(options: ServerOptions): Server {
  let drains = 0
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/metrics') {
      response.writeHead(200, { 'content-type': contentType }).end(options.metrics.text())
    } else if (pathname === '/drain') {
      void answerDrain(request, response, options, (by) => {
        drains += by
        options.watcher.isDraining = drains > 0
      })
    } else {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('ask /drain or /metrics\n')
    }
  })
}

async function answerDrain(
  request: IncomingMessage,
  response: ServerResponse,
  { watcher, settleMs, drainTimeoutMs, say }: ServerOptions,
  count: (by: 1 | -1) => void,
): Promise<void> {
  const gone = new AbortController()
  request.on('error', () => {})
  response.on('close', () => gone.abort())
  count(1)
  const outcome = await drain({
    look: () => ({
      refs: watcher.state === 'answering' ? watcher.refs : undefined,
      isOver: watcher.isHung
        ? 'the daemon does not answer'
        : watcher.state === 'absent'
          ? 'no daemon is there'
          : undefined,
    }),
    ...{ settleMs, timeoutMs: drainTimeoutMs, say, signal: gone.signal },
  })
  const text = drainText(outcome)
  say(text)
  // The kubelet sends SIGTERM at once, and a pod that is being deleted is out of its Service already.
  count(-1)
  if (!response.destroyed) response.writeHead(200, { 'content-type': 'text/plain' }).end(`${text}\n`)
}

export function drainText(outcome: DrainOutcome): string {
  switch (outcome.kind) {
    case 'drained':
      return 'drained: no build runs'
    case 'over':
      return `drain ended: ${outcome.why}`
    case 'timeout':
      return `drain timed out; these builds are lost: ${outcome.refs.join(', ') || 'not known'}`
    case 'cancelled':
      return 'drain cancelled: its client is gone'
  }
}
