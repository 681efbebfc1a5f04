import { setTimeout as sleep } from 'node:timers/promises'
import { Backoff } from '../../../kata-build-runner/api/backoff.js'
import { retryAfterHeaderMs } from '../../../kata-build-runner/api/retry-after.js'
import { Authorization } from './authorization.js'
import type { Credentials } from './credentials.js'
import type { Endpoint } from './endpoint.js'
import { noAnswer, refusalOf } from './refusal.js'

export interface TransportOptions {
  credentials?: Credentials | undefined
  /** The most requests a second, all together. @default no limit but the registry's own */
  requestsPerSecond?: number | undefined
  /** How long a request may wait for a rate limit, or for a registry with a problem, in sum. @default 15 minutes */
  patienceMs?: number | undefined
  /** How long an answer may take. @default 60 s */
  timeoutMs?: number | undefined
  /** Told before each wait of more than a second. */
  say?: ((text: string) => void) | undefined
  signal?: AbortSignal | undefined
}

export interface RegistryRequest {
  method: 'GET' | 'HEAD' | 'DELETE'
  /** Below the registry's URL, or a whole URL of the same origin. */
  path: string
  /** What a token must allow: `repository:app:pull`. */
  scope: string
  accept?: readonly string[] | undefined
  /** Statuses that are answers and not errors, beside 2xx. */
  expected?: readonly number[] | undefined
}

/** An answer, read to its end. */
export interface Answer {
  status: number
  headers: Headers
  body: Buffer
}

/** Configs of images are the largest that is asked for; distribution itself takes no manifest above 4 MiB. */
const mostBodyBytes = 16 * 1024 * 1024
/** Everything that is asked for here can be asked for twice: a second DELETE finds nothing. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504])
const mostTries = 12

/** Requests to one registry: with its tokens, at its pace, again after what passes. */
export class Transport {
  readonly endpoint: Endpoint
  readonly #options: TransportOptions
  readonly #authorization: Authorization
  #nextMs = 0

  constructor(endpoint: Endpoint, options: TransportOptions = {}) {
    this.endpoint = endpoint
    this.#options = options
    this.#authorization = new Authorization(endpoint.name, options.credentials, (url, init) => this.#fetch(url, init))
  }

  /** @throws RunnerError `API` for a refusal, `CONNECTION` where nothing answers or the login fails */
  async send(request: RegistryRequest): Promise<Answer> {
    const what = `${request.method} ${request.path}`
    const backoff = new Backoff({ firstMs: 500, mostMs: 30_000 })
    const untilMs = performance.now() + (this.#options.patienceMs ?? 900_000)
    let logins = 0
    for (let tries = 1; ; tries++) {
      const isLast = tries === mostTries
      let answer: Answer
      try {
        answer = await this.#once(request)
      } catch (error) {
        if (this.#options.signal?.aborted) throw error
        if (isLast || !(await this.#pause(backoff.nextMs(), untilMs, what, 'no answer'))) {
          throw noAnswer(this.endpoint, what, error)
        }
        continue
      }
      const { status, headers } = answer
      if ((status >= 200 && status < 300) || request.expected?.includes(status)) return answer
      // A second 401 with a fresh token is a refusal; one more is left for a token that expired meanwhile.
      if (status === 401 && logins < 2) {
        logins++
        if (await this.#authorization.answer(request.scope, headers.get('www-authenticate'))) continue
      }
      const refusal = refusalOf(this.endpoint, what, answer)
      if (!passing.has(status) || isLast) throw refusal
      const date = Date.parse(headers.get('date') ?? '')
      const askedMs = retryAfterHeaderMs(
        headers.get('retry-after') ?? undefined,
        Number.isNaN(date) ? Date.now() : date,
      )
      const waitMs = askedMs === undefined ? backoff.nextMs() : Math.max(0, askedMs)
      if (!(await this.#pause(waitMs, untilMs, what, `status ${status}`))) throw refusal
    }
  }

  /** @returns whether there was time to wait */
  async #pause(waitMs: number, untilMs: number, what: string, why: string): Promise<boolean> {
    if (performance.now() + waitMs > untilMs) return false
    if (waitMs > 1000) {
      this.#options.say?.(`${this.endpoint.name}: ${why} to ${what}; next try in ${Math.round(waitMs / 1000)} s`)
    }
    await sleep(waitMs, undefined, { signal: this.#options.signal })
    return true
  }

  async #once({ method, path, scope, accept }: RegistryRequest): Promise<Answer> {
    await this.#turn()
    const headers = new Headers()
    if (accept !== undefined) headers.set('accept', accept.join(', '))
    const authorization = this.#authorization.headerFor(scope)
    if (authorization !== undefined) headers.set('authorization', authorization)
    // fetch drops Authorization where a blob is redirected to a storage of another origin.
    const response = await this.#fetch(new URL(path, this.endpoint.url), { method, headers })
    return { status: response.status, headers: response.headers, body: await bodyOf(response) }
  }

  async #fetch(url: URL, init: RequestInit): Promise<Response> {
    const limit = AbortSignal.timeout(this.#options.timeoutMs ?? 60_000)
    const { signal } = this.#options
    return await fetch(url, { ...init, signal: signal === undefined ? limit : AbortSignal.any([signal, limit]) })
  }

  /** Spreads requests out: each waits for its place after the one before. */
  async #turn(): Promise<void> {
    const { requestsPerSecond, signal } = this.#options
    if (requestsPerSecond === undefined) return
    const nowMs = performance.now()
    const atMs = Math.max(nowMs, this.#nextMs)
    this.#nextMs = atMs + 1000 / requestsPerSecond
    if (atMs > nowMs) await sleep(atMs - nowMs, undefined, { signal })
  }
}

async function bodyOf(response: Response): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += part.byteLength
    if (bytes > mostBodyBytes) throw new Error(`an answer of more than ${mostBodyBytes} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}
