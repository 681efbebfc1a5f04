import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../../examples/kata-build-runner/model/clock.js'
import { Answer } from './answer.js'
import type { Authorization } from './authorization.js'
import type { Certificates } from './certificates.js'
import type { Fault, Faults } from './faults.js'
import type { Kubelet } from './kubelet.js'
import { serveLog } from './log-request.js'
import type { Pod } from './objects.js'
import { pods, targetOf } from './resources.js'
import { type Rest, type RestRequest, verbOf } from './rest.js'
import { failure, Refusal } from './status.js'
import type { Store } from './store.js'

export interface SeenRequest {
  method: string
  /** Path and query. */
  path: string
  at: Date
}

export interface ServerParts {
  certificates: Certificates
  token: string
  faults: Faults
  authorization: Authorization
  store: Store
  rest: Rest
  kubelet: Kubelet
  clock: Clock
  /** An error of the fake itself. */
  onProblem(problem: Error): void
}

const version = {
  ...{ major: '1', minor: '36', gitVersion: 'v1.36.0', gitCommit: 'fake', gitTreeState: 'clean' },
  ...{ buildDate: '2026-04-22T00:00:00Z', goVersion: 'go1.26', compiler: 'gc', platform: 'linux/amd64' },
}
const accessReviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
/** So many requests are kept for tests to look at. */
const mostSeen = 20_000

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** TLS, authentication, faults, and who answers what. */
export class ApiServer {
  readonly #parts: ServerParts
  readonly #server: Server
  readonly seen: SeenRequest[] = []

  private constructor(parts: ServerParts) {
    this.#parts = parts
    const { key, cert } = parts.certificates
    this.#server = createServer({ key, cert, keepAliveTimeout: 60_000 }, (request, response) => {
      this.#handle(request, response).catch((error: NodeJS.ErrnoException) => {
        // A client that went away while it was still sending is no problem of the fake's.
        if (error.code !== 'ECONNRESET') parts.onProblem(error)
      })
    })
    this.#server.on('tlsClientError', () => {}) // a client that does not trust the authority
  }

  static async start(parts: ServerParts): Promise<ApiServer> {
    const server = new ApiServer(parts)
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', 1024, resolve))
    return server
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Closes every connection, also those in the middle of an answer. */
  dropConnections(): void {
    this.#server.closeAllConnections()
  }
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/' } = request
    if (this.seen.push({ method, path, at: new Date() }) > mostSeen) this.seen.splice(0, mostSeen / 2)
    const body = await bodyOf(request)
    const fault = this.#parts.faults.take(method, path)
    if (fault.slowMs !== undefined) await this.#parts.clock.sleep(fault.slowMs)
    if (!fault.afterWork && meets(fault, response)) return
    const answer = new Answer(fault.afterWork ? blank(response) : response, fault)
    try {
      await this.#answer(request, path, body, answer)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      answer.json(error.body.code, error.body)
    }
    if (fault.afterWork) meets(fault, response)
  }

  async #answer(request: IncomingMessage, path: string, body: string, answer: Answer): Promise<void> {
    const { token, authorization, store, rest, kubelet } = this.#parts
    if (request.headers.authorization !== `Bearer ${token}`) throw new Refusal(401, 'Unauthorized')
    const { method = 'GET' } = request
    const { pathname, searchParams: query } = new URL(path, 'https://fake')
    if (pathname === '/version') return answer.json(200, version)
    if (/^\/(livez|readyz|healthz)$/.test(pathname)) return answer.json(200, 'ok')
    if (pathname === accessReviews) return answer.json(201, authorization.review(JSON.parse(body)))
    const target = targetOf(pathname)
    if (target === undefined)
      throw new Refusal(404, 'the server could not find the requested resource', { details: {} })
    const contentType = request.headers['content-type'] ?? 'application/json'
    const asked: RestRequest = { method, target, query, contentType, body }
    authorization.check(verbOf(asked), target)
    if (target.resource === pods && target.subresource === 'log')
      return serveLog(kubelet, store.get<Pod>(pods, target.namespace, target.name!), query, answer)
    rest.serve(asked, answer)
  }
}

/** What a fault does in place of an answer. False: nothing. */
function meets(fault: Fault, response: ServerResponse): boolean {
  if (fault.silent) return true
  if (fault.drop) {
    response.socket?.destroy()
    return true
  }
  if (fault.status === undefined) return false
  const seconds = fault.retryAfter
  const busy = fault.status === 429 ? 'Too many requests, please try again later.' : 'an error on the server'
  const body = failure(fault.status, fault.message ?? busy, {
    details: seconds === undefined ? {} : { retryAfterSeconds: seconds },
  })
  const headers: Record<string, string> = seconds === undefined ? {} : { 'retry-after': String(seconds) }
  new Answer(response, {}).json(fault.status, body, headers)
  return true
}

/** Takes an answer that never arrives. */
function blank(response: ServerResponse): ServerResponse {
  const nothing = () => true
  return Object.assign(Object.create(response) as ServerResponse, {
    ...{ write: nothing, end: nothing, writeHead: nothing, flushHeaders: nothing },
  })
}
