import { Counter, contentType, Gauge } from '../../kata-build-runner/metrics/exposition.js'
import type { Judgement } from './judge.js'
import type { Watcher } from './watcher.js'

export { contentType }

/** What is counted and measured of a daemon, in Prometheus' text format. */
export class WatchMetrics {
  readonly #told = new Counter('buildkit_ci_stalls_told_total', 'Stalls that were told, of the API or of a step.', [
    { kind: 'api' },
    { kind: 'step' },
  ])
  readonly #endings = new Counter('buildkit_ci_endings_total', 'Times that the daemon was said to hang.', [{}])
  readonly #gauges: Gauge[]
  #keys = new Set<string>()
  #isEnding = false

  constructor(watcher: () => Watcher) {
    this.#gauges = [
      new Gauge('buildkit_ci_daemon_answers', 'Whether the last question to the daemon was answered.', () => [
        [{}, watcher().state === 'answering' && !watcher().isHung ? 1 : 0],
      ]),
      new Gauge('buildkit_ci_answer_wait_seconds', 'How long the daemon has owed an answer.', () => [
        [{}, watcher().owedMs / 1000],
      ]),
      new Gauge('buildkit_ci_builds_running', 'Builds that run.', () => [[{}, watcher().refs.length]]),
      new Gauge('buildkit_ci_build_silent_seconds', 'How long the most silent step of a build has been silent.', () =>
        watcher().builds.map(({ ref, steps: [worst] }) => [{ build: ref, step: worst.name }, worst.silentMs / 1000]),
      ),
    ]
  }

  look({ stalls, ending }: Judgement): void {
    for (const { key, kind } of stalls) if (!this.#keys.has(key)) this.#told.add({ kind })
    this.#keys = new Set(stalls.map(({ key }) => key))
    if (ending !== undefined && !this.#isEnding) this.#endings.add()
    this.#isEnding = ending !== undefined
  }

  text(): string {
    return [this.#told, this.#endings, ...this.#gauges].map((metric) => metric.text()).join('')
  }
}
