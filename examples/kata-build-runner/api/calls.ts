import { setMaxListeners } from 'node:events'
import CircuitBreaker from 'opossum'
import { RunnerError } from '../model/runner-error.js'
import { isTransient, statusOf } from './api-error.js'
import { Backoff, waited } from './backoff.js'
import { explained } from './explained.js'

export interface CallSettings {
  /** The server's URL, as errors say it. */
  server: string
  breaker: Breaker
  /** Before the second try, in milliseconds; then doubled, with jitter. */
  retryDelayMs: number
  /** The first try included. */
  maxAttempts: number
  /** Ends every wait and every call at once. */
  signal?: AbortSignal
}

type Ask = (signal: AbortSignal) => Promise<unknown>
export type Breaker = CircuitBreaker<[Ask, AbortSignal], unknown>

/** No wait between two tries is longer, unless the server asks for it. */
const mostDelayMs = 30_000

/**
 * The breaker for one API server. Opossum's own threshold: it opens once half of the tries of the last 10 s have failed;
 * but only if they were at least 5, since otherwise the first failure of a quiet runner would open it. After 10 s one
 * try is let through. A refusal is no failure: whoever says no, 429 included, is well.
 *
 * @param timeoutMs how long a try may take (`fusebox.breaker.timeout`)
 */
export function makeBreaker(timeoutMs: number, server: string): Breaker {
  const attempt = async (ask: Ask, signal: AbortSignal) => await ask(signal)
  // Opossum calls it with the arguments of `fire`, too; its types do not say so.
  const errorFilter = (error: unknown, ...[, signal]: unknown[]) => (signal as AbortSignal).aborted || !isFailure(error)
  return new CircuitBreaker<[Ask, AbortSignal], unknown>(attempt, {
    ...{ name: server, timeout: timeoutMs, resetTimeout: 10_000, errorFilter },
    ...{ errorThresholdPercentage: 50, volumeThreshold: 5, rollingCountTimeout: 10_000, rollingCountBuckets: 10 },
    rollingPercentilesEnabled: false,
  })
}

function isFailure(error: unknown): boolean {
  const status = statusOf(error)
  return status === undefined ? isTransient(error) : status >= 500
}

/** Calls of one API server: through its breaker, tried again where that may help. */
export class Calls {
  readonly #settings: CallSettings
  readonly #signal: AbortSignal

  constructor(settings: CallSettings) {
    this.#settings = settings
    this.#signal = settings.signal ?? new AbortController().signal
    setMaxListeners(0, this.#signal)
  }

  /**
   * @param what for people: "create Job a-1"
   * @param ask is called once per try, and must end when its signal is aborted. It must be idempotent: the answer to a
   *   try that was carried out may have been lost
   * @param only ends this call alone
   * @throws RunnerError `API` with the last refusal or failure as its cause, `CONNECTION`, `BREAKER_OPEN`, `CANCELLED`
   */
  async call<T>(what: string, ask: (signal: AbortSignal) => Promise<T>, only?: AbortSignal): Promise<T> {
    const { server, retryDelayMs, maxAttempts } = this.#settings
    const signal = only === undefined ? this.#signal : AbortSignal.any([this.#signal, only])
    const backoff = new Backoff({ firstMs: retryDelayMs, mostMs: mostDelayMs })
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#try(ask, signal)
      } catch (error) {
        if (signal.aborted) throw cancelled(what)
        const isOpen = isBreakerOpen(error)
        if (attempt >= maxAttempts || !(isOpen || isTransient(error))) {
          throw isOpen ? breakerOpen(what, server) : explained(what, server, error)
        }
        if (!(await waited(backoff.nextMs(error), signal))) throw cancelled(what)
      }
    }
  }

  /**
   * Opens what goes on: a watch, a log. Once, since who reads it opens it again; it is refused while the breaker is open,
   * and counts for nothing there: how long an answer takes is up to the build (the kubelet sends no head before the
   * log's first byte).
   */
  async open<T>(what: string, ask: () => Promise<T>): Promise<T> {
    const { server, breaker } = this.#settings
    if (breaker.opened) throw breakerOpen(what, server)
    try {
      return await ask()
    } catch (error) {
      throw explained(what, server, error)
    }
  }

  async #try<T>(ask: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted()
    const controller = new AbortController()
    const abort = () => controller.abort(signal.reason)
    signal.addEventListener('abort', abort)
    try {
      return (await this.#settings.breaker.fire(ask, controller.signal)) as T
    } finally {
      signal.removeEventListener('abort', abort)
      // The breaker only stops waiting: what took too long must be ended, too.
      controller.abort()
    }
  }
}

function isBreakerOpen(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EOPENBREAKER'
}

function breakerOpen(what: string, server: string): RunnerError {
  return new RunnerError(
    'BREAKER_OPEN',
    `${what}: ${server} was not asked, since half of the calls just before had failed`,
    'see whether the API server is well: kubectl get --raw /readyz',
  )
}

function cancelled(what: string): RunnerError {
  return new RunnerError('CANCELLED', `${what}: given up, as asked`, 'whether it was carried out is not known: look')
}
