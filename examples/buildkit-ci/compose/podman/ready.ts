import { setTimeout as sleep } from 'node:timers/promises'
import { plain } from '../../../kata-build-runner/model/plain-text.js'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
import type { Service } from '../project.js'
import { askReady, type Names } from './commands.js'
import type { Podman } from './podman.js'
import { stateOf } from './state.js'

/** An exec takes about 100 ms; a service that starts in seconds need not be asked more often. */
const askEveryMs = 250
const askLimitMs = 10_000

interface Patience {
  everyMs: number
  limitMs: number
  /** Failures within it do not count. */
  startMs: number
  /** So many failures in a row after it are too many; undefined: time alone decides. */
  failures?: number | undefined
}

/**
 * Waits until a service says that it is ready; at once, if it does not say.
 *
 * @throws RunnerError `API`, if it ends before, or takes too long
 */
export async function untilReady(podman: Podman, service: Service, names: Names, signal: AbortSignal): Promise<void> {
  const question = askReady(service, names)
  if (question === undefined) return
  const { everyMs, limitMs, startMs, failures } = patienceOf(service)
  const fromMs = performance.now()
  let failed = 0
  for (;;) {
    const { code, stdout, stderr } = await podman.try(question, { limitMs })
    signal.throwIfAborted()
    if (code === 0) return
    const { isRunning, exitCode } = await stateOf(podman, names.container(service.name))
    if (!isRunning) throw failure(service, `ended with ${exitCode} before it was ready`)
    const ageMs = performance.now() - fromMs
    failed = ageMs > startMs ? failed + 1 : 0
    const isOver = failures === undefined ? ageMs > startMs : failed >= failures
    if (isOver)
      throw failure(service, `was not ready within ${Math.round(ageMs / 1000)} s: ${plain(`${stdout}${stderr}`, 300)}`)
    await sleep(everyMs, undefined, { signal })
  }
}

function patienceOf({ watch, health }: Service): Patience {
  if (health === undefined) return { everyMs: askEveryMs, limitMs: askLimitMs, startMs: watch?.startWithinMs ?? 0 }
  const { intervalMs, timeoutMs, startPeriodMs, retries } = health
  return { everyMs: intervalMs, limitMs: timeoutMs, startMs: startPeriodMs, failures: retries }
}

function failure({ name }: Service, why: string): RunnerError {
  return new RunnerError('API', `service ${name} ${why}`, 'read its log above')
}
