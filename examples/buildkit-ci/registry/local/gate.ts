import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { Copy, HeldEnd } from './bodies.js'
import { digestsIn, Pushes } from './pushes.js'
import { type RequestKind, requestKindOf } from './request-kind.js'
import { Turnstile } from './turnstile.js'

/** Distribution takes no larger manifest. */
const mostManifestBytes = 4 * 1024 * 1024
/** Of one connection (RFC 9110, 7.6.1); `Expect` is answered here. */
const ofOneConnection = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect'],
])

/** A registry process behind the gate. */
export interface Backend {
  readonly port: number
}

/**
 * Stands before a registry, passes everything on, and knows the blobs of pushes in flight. While garbage is collected it
 * lets nothing take effect; bytes of uploads and all reads still pass.
 */
export class Gate {
  readonly pushes: Pushes
  readonly turnstile = new Turnstile()
  readonly server: Server
  #backend: Backend
  #agent = new Agent({ keepAlive: true })
  /** Requests that each backend has not answered to the end. */
  readonly #running = new Map<Backend, number>()

  /** @param pushWindowMs see {@link Pushes} */
  constructor(pushWindowMs: number, backend: Backend) {
    this.pushes = new Pushes(pushWindowMs)
    this.#backend = backend
    this.server = createServer((incoming, outgoing) => void this.#serve(incoming, outgoing))
    // A push of gigabytes takes as long as it takes.
    this.server.requestTimeout = 0
  }

  /** New requests go there; those that are running stay where they are. */
  use(backend: Backend): void {
    // The connections of the old one close when it ends; requests may still be running on them.
    this.#agent = new Agent({ keepAlive: true })
    this.#backend = backend
  }

  runningAt(backend: Backend): number {
    return this.#running.get(backend) ?? 0
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const kind = requestKindOf(incoming.method ?? 'GET', incoming.url ?? '/')
    const entrance = new Entrance(this.turnstile, outgoing)
    const { 'content-length': length, 'transfer-encoding': encoding } = incoming.headers
    const hasBody = encoding !== undefined || (length !== undefined && length !== '0')
    let backend: Backend | undefined
    try {
      if (kind.kind !== 'other' && !hasBody) await entrance.enter()
      backend = this.#backend
      this.#running.set(backend, this.runningAt(backend) + 1)
      await this.#pass(backend, kind, hasBody, entrance, incoming, outgoing)
    } catch (error) {
      // The registry went away, or the client did: half an answer must not look like a whole one.
      if (outgoing.headersSent) outgoing.destroy()
      else answer(outgoing, 502, (error as Error).message)
    } finally {
      if (backend !== undefined) this.#left(backend)
      entrance.leave()
    }
  }

  #left(backend: Backend): void {
    const running = this.runningAt(backend) - 1
    if (running === 0 && backend !== this.#backend) this.#running.delete(backend)
    else this.#running.set(backend, running)
  }

  async #pass(
    backend: Backend,
    kind: RequestKind,
    hasBody: boolean,
    entrance: Entrance,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
  ): Promise<void> {
    const { method, url = '/', rawHeaders } = incoming
    const outbound = request({
      ...{ host: '127.0.0.1', port: backend.port, method, path: url, agent: this.#agent },
      headers: passedOn(rawHeaders),
    })
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outbound.on('response', resolve)
      outbound.on('error', reject)
      outgoing.on('close', () => {
        if (!outgoing.writableFinished) outbound.destroy(new Error('the client has gone'))
      })
    })
    const manifest = new Copy(kind.kind === 'put-manifest' ? mostManifestBytes : 0)
    const mayEnd = kind.kind === 'other' ? async () => {} : () => entrance.enter()
    const sent = hasBody ? pipeline(incoming, manifest, new HeldEnd(mayEnd), outbound) : Promise.resolve(outbound.end())
    // A registry may refuse before it has read everything; its answer then says more than the broken pipe.
    sent.catch(() => {})
    const response = await answered
    // Before the client hears of it: its next request may come at once.
    this.#note(kind, response.statusCode ?? 0, manifest)
    outgoing.writeHead(response.statusCode ?? 502, passedOn(response.rawHeaders))
    await pipeline(response, outgoing)
  }

  #note(kind: RequestKind, status: number, manifest: Copy): void {
    if (kind.kind === 'check-blob' && status === 200) this.pushes.saw(kind.repository, kind.digest)
    if (kind.kind === 'put-blob' && status === 201) this.pushes.saw(kind.repository, kind.digest)
    if (kind.kind === 'put-manifest' && status === 201) this.pushes.completed(kind.repository, digestsIn(manifest.text))
  }
}

/** One request's way through the turnstile. */
class Entrance {
  readonly #turnstile: Turnstile
  readonly #gone = new AbortController()
  #leave: (() => void) | undefined

  constructor(turnstile: Turnstile, outgoing: ServerResponse) {
    this.#turnstile = turnstile
    outgoing.on('close', () => this.#gone.abort())
  }

  /** @throws Error, if its client has gone meanwhile */
  async enter(): Promise<void> {
    this.#leave = await this.#turnstile.enter(this.#gone.signal)
    if (this.#leave === undefined) throw new Error('the client has gone')
  }

  leave(): void {
    this.#leave?.()
  }
}

function passedOn(raw: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string
    if (!ofOneConnection.has(name.toLowerCase())) kept.push(name, raw[at + 1] as string)
  }
  return kept
}

function answer(outgoing: ServerResponse, status: number, message: string): void {
  outgoing.writeHead(status, { 'content-type': 'application/json' })
  outgoing.end(JSON.stringify({ errors: [{ code: 'UNAVAILABLE', message }] }))
}
