import type { Executor } from '../../../examples/kata-build-runner/config/executor-config.js'

interface Change {
  host?: string
  timeoutMs?: number
  retryDelayMs?: number
  maxAttempts?: number
}

/** What of an executor the API's calls are made from; quick, so that a test need not wait. */
export function executorOf({ host, timeoutMs = 2000, retryDelayMs = 20, maxAttempts = 4 }: Change = {}): Executor {
  const part = {
    kubernetes: { jobsNamespace: 'builds', ...(host === undefined ? {} : { host }) },
    fusebox: { breaker: { timeout: timeoutMs } },
    requestretry: { retryDelay: retryDelayMs, maxAttempts },
  }
  return part as unknown as Executor
}
