import type { Executor } from '../config/executor-config.js'
import type { CallMetrics } from '../metrics/runner-metrics.js'
import { type Clock, systemClock } from '../model/clock.js'
import type { Breaker } from './breaker.js'
import type { BuildApi } from './build-api.js'
import { Calls, makeBreaker } from './calls.js'
import { type Environment, kubeConfigOf } from './kube-config.js'
import { KubernetesApi } from './kubernetes-api.js'

export interface ConnectOptions {
  /** Ends every wait and every call. */
  signal?: AbortSignal | undefined
  /** @default the system's */
  clock?: Clock
  /** Of a process that follows many builds. */
  metrics?: CallMetrics | undefined
}

/** One for each API server, whatever executors, namespaces and builds there are on it. */
const breakers = new WeakMap<Clock, Map<string, Breaker>>()

/**
 * The API server of an executor, and its namespace there. Nothing is asked yet.
 *
 * @throws RunnerError `CONNECTION`, if the config names none that can be trusted
 */
export function connect(executor: Executor, environment: Environment, options: ConnectOptions = {}): BuildApi {
  const { clock = systemClock, signal, metrics } = options
  const { kubernetes, fusebox, requestretry } = executor
  const config = kubeConfigOf(kubernetes.host, environment)
  const { server } = config.getCurrentCluster()!
  const breaker = breakerOf(server, clock)
  metrics?.breaker(server, () => breaker.isOpen)
  const calls = new Calls({
    ...{ server, clock, breaker, metrics, timeoutMs: fusebox.breaker.timeout },
    ...{ retryDelayMs: requestretry.retryDelay, maxAttempts: requestretry.maxAttempts },
    ...(signal === undefined ? {} : { signal }),
  })
  return new KubernetesApi(config, calls, clock, kubernetes.jobsNamespace)
}

function breakerOf(server: string, clock: Clock): Breaker {
  const ofClock = breakers.get(clock) ?? new Map<string, Breaker>()
  breakers.set(clock, ofClock)
  const breaker = ofClock.get(server) ?? makeBreaker(clock)
  ofClock.set(server, breaker)
  return breaker
}
