import type { IncomingMessage, ServerResponse } from 'node:http'
import { type BuildResult, buildOutcomes } from '../model/result.js'
import { Counter, contentType, Gauge, Histogram } from './exposition.js'

/** From a cached image under runc to a virtual machine on a node that must be made first. */
const setUpBounds = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800]

/** Where calls of an API server tell what became of them. */
export interface CallMetrics {
  /** @param code the HTTP status of a refusal, or `ok`, `failed` (no answer), `not-asked` (the breaker is open) */
  called(verb: string, code: string): void
  retried(verb: string): void
  /** @param isOpen is asked when the metrics are */
  breaker(server: string, isOpen: () => boolean): void
}

/**
 * Metrics of a process that follows many builds: one for all of its fleets and connections. A scraper gets them by
 * `createServer((request, response) => metrics.answer(request, response))`.
 */
export class RunnerMetrics implements CallMetrics {
  #following = 0
  readonly #breakers = new Map<string, () => boolean>()
  readonly #builds = new Counter(
    'build_runner_builds_total',
    'Builds that have ended, by outcome and kind of failure (empty: none).',
    buildOutcomes.map((outcome) => ({ outcome, failure: '' })),
  )
  readonly #attempts = new Counter(
    'build_runner_failed_attempts_total',
    'Attempts that failed before their start and were followed by another, by kind of failure.',
  )
  readonly #setUp = new Histogram(
    'build_runner_setup_seconds',
    "From the Job's creation to the build container's start.",
    setUpBounds,
  )
  readonly #incomplete = new Counter(
    'build_runner_incomplete_logs_total',
    'Builds that started and whose log is not complete.',
    [{}],
  )
  readonly #lost = new Counter('build_runner_lost_log_bytes_total', 'Bytes of logs that are known to be lost.', [{}])
  readonly #calls = new Counter(
    'build_runner_api_calls_total',
    'Tries of calls to the API server, by verb and by what came: ok, an HTTP status, failed, not-asked.',
  )
  readonly #retries = new Counter('build_runner_api_retries_total', 'Calls that were tried again, by verb.')
  readonly #all = [
    new Gauge('build_runner_builds_followed', 'Builds that are being followed.', () => [[{}, this.#following]]),
    ...[this.#builds, this.#attempts, this.#setUp, this.#incomplete, this.#lost, this.#calls, this.#retries],
    new Gauge('build_runner_breaker_open', 'Whether the breaker of an API server is open (1).', () =>
      [...this.#breakers].map(([server, isOpen]) => [{ server }, isOpen() ? 1 : 0] as const),
    ),
  ]

  /** @returns is called at its end; without a result where following it has failed */
  began(): (result?: BuildResult) => void {
    this.#following++
    return (result) => {
      this.#following--
      if (result !== undefined) this.#ended(result)
    }
  }

  called(verb: string, code: string): void {
    this.#calls.add({ verb, code })
  }

  retried(verb: string): void {
    this.#retries.add({ verb })
  }

  breaker(server: string, isOpen: () => boolean): void {
    this.#breakers.set(server, isOpen)
  }

  text(): string {
    return this.#all.map((metric) => metric.text()).join('')
  }

  /** A request listener of `node:http`: `/metrics`, and nothing else. */
  answer({ method, url = '' }: IncomingMessage, response: ServerResponse): void {
    const isFound = /^\/metrics(\?|$)/.test(url)
    const isRead = method === 'GET' || method === 'HEAD'
    response.writeHead(!isFound ? 404 : isRead ? 200 : 405, { 'content-type': contentType })
    response.end(isFound && method === 'GET' ? this.text() : undefined)
  }

  #ended({ outcome, failure, setUpMs, attempts, log, times }: BuildResult): void {
    this.#builds.add({ outcome, failure: failure?.kind ?? '' })
    for (const attempt of attempts) this.#attempts.add({ failure: attempt.failure.kind })
    if (setUpMs !== undefined) this.#setUp.observe(setUpMs / 1000)
    if (times.started === undefined || outcome === 'left-running') return
    if (!log.isComplete) this.#incomplete.add()
    this.#lost.add({}, log.lostBytes)
  }
}
