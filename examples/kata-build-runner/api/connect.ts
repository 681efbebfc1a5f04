import type { Executor } from '../config/executor-config.js'
import type { BuildApi } from './build-api.js'
import { type Breaker, Calls, makeBreaker } from './calls.js'
import { type Environment, kubeConfigOf } from './kube-config.js'
import { KubernetesApi } from './kubernetes-api.js'

/** One for each API server and timeout, whatever executors, namespaces and builds there are on it. */
const breakers = new Map<string, Breaker>()

/**
 * The API server of an executor, and its namespace there. Nothing is asked yet.
 *
 * @param signal ends every wait and every call
 * @throws RunnerError `CONNECTION`, if the config names none that can be trusted
 */
export function connect(executor: Executor, environment: Environment, signal?: AbortSignal): BuildApi {
  const { kubernetes, fusebox, requestretry } = executor
  const config = kubeConfigOf(kubernetes.host, environment)
  const { server } = config.getCurrentCluster()!
  const calls = new Calls({
    ...{ server, breaker: breakerOf(server, fusebox.breaker.timeout) },
    ...{ retryDelayMs: requestretry.retryDelay, maxAttempts: requestretry.maxAttempts },
    ...(signal === undefined ? {} : { signal }),
  })
  return new KubernetesApi(config, calls, kubernetes.jobsNamespace)
}

function breakerOf(server: string, timeoutMs: number): Breaker {
  // Executors on one server may differ in how long they wait, and a breaker has one time limit.
  const key = `${server} ${timeoutMs}`
  const breaker = breakers.get(key) ?? makeBreaker(timeoutMs, server)
  breakers.set(key, breaker)
  return breaker
}
