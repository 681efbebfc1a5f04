import { setMaxListeners } from 'node:events'
import type { CallMetrics } from '../metrics/runner-metrics.js'
import { after, type Clock } from '../model/clock.js'
import { RunnerError } from '../model/runner-error.js'
import { isTransient, retryAfterMs, statusOf } from './api-error.js'
import { Backoff } from './backoff.js'
import { Breaker, BreakerOpen } from './breaker.js'
import { explained } from './explained.js'

export interface CallSettings {
  /** The server's URL, as errors say it. */
  server: string
  clock: Clock
  breaker: Breaker
  /** How long a try may take, in milliseconds. */
  timeoutMs: number
  /** Before the second try, in milliseconds; then doubled, with jitter. */
  retryDelayMs: number
  /** The first try included. */
  maxAttempts: number
  /** Ends every wait and every call at once. */
  signal?: AbortSignal
  metrics?: CallMetrics | undefined
}

/** No wait between two tries is longer, unless the server asks for it. */
const mostDelayMs = 30_000

/** The breaker for one API server. A refusal is not a failure: a server that refuses, also with 429, is well. */
export function makeBreaker(clock: Clock): Breaker {
  return new Breaker(clock, isFailure)
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
    const { clock, server, retryDelayMs, maxAttempts, metrics } = this.#settings
    const verb = verbOf(what)
    const signal = only === undefined ? this.#signal : AbortSignal.any([this.#signal, only])
    const backoff = new Backoff({ firstMs: retryDelayMs, mostMs: mostDelayMs })
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.#try(ask, signal)
        metrics?.called(verb, 'ok')
        return answer
      } catch (error) {
        if (!signal.aborted) metrics?.called(verb, codeOfTry(error))
        if (signal.aborted) throw cancelled(what)
        const isOpen = error instanceof BreakerOpen
        if (attempt >= maxAttempts || !(isOpen || isTransient(error))) {
          throw isOpen ? breakerOpen(what, server) : explained(what, server, error)
        }
        metrics?.retried(verb)
        if (!(await clock.sleep(backoff.nextMs(retryAfterMs(error)), signal))) throw cancelled(what)
      }
    }
  }

  /**
   * Opens what goes on: a watch, a log. Once, since who reads it opens it again; it is refused while the breaker is open,
   * and counts for nothing there: how long an answer takes is up to the build (the kubelet sends no head before the
   * log's first byte).
   */
  async open<T>(what: string, ask: () => Promise<T>): Promise<T> {
    const { server, breaker, metrics } = this.#settings
    const verb = verbOf(what)
    if (breaker.isOpen) {
      metrics?.called(verb, 'not-asked')
      throw breakerOpen(what, server)
    }
    try {
      const stream = await ask()
      metrics?.called(verb, 'ok')
      return stream
    } catch (error) {
      metrics?.called(verb, codeOfTry(error))
      throw explained(what, server, error)
    }
  }

  async #try<T>(ask: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const { breaker, clock, timeoutMs } = this.#settings
    signal.throwIfAborted()
    const controller = new AbortController()
    const abort = () => controller.abort(signal.reason)
    signal.addEventListener('abort', abort)
    let answered = () => {}
    const late = new Promise<never>((_, reject) => {
      answered = after(clock, timeoutMs, () => reject(timedOut(timeoutMs)))
    })
    late.catch(() => {})
    try {
      return await breaker.try(async () => await Promise.race([ask(controller.signal), late]), signal)
    } finally {
      answered()
      signal.removeEventListener('abort', abort)
      // The caller does not wait any longer for a call that took too long, so the call must end, too.
      controller.abort()
    }
  }
}

/** `create`, `list`, `watch`, `log`: the first word of what a call is for. No names: they have no end. */
function verbOf(what: string): string {
  return /^\w+/.exec(what)?.[0] ?? ''
}

function codeOfTry(error: unknown): string {
  if (error instanceof BreakerOpen) return 'not-asked'
  return String(statusOf(error) ?? 'failed')
}

function timedOut(ms: number): Error {
  return Object.assign(new Error(`Timed out after ${ms}ms`), { code: 'ETIMEDOUT' })
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
