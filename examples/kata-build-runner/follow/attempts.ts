import { randomBytes } from 'node:crypto'
import type { V1Job } from '@kubernetes/client-node'
import type { BuildFile } from '../config/build-file.js'
import type { Executor } from '../config/executor-config.js'
import { launch } from '../launch/launch.js'
import { buildSelector, labels } from '../launch/names.js'
import type { BuildResult } from '../model/result.js'
import type { Route } from '../routing/route.js'
import { type Ending, type FollowOptions, followBuild } from './build.js'
import { resultOf } from './result.js'
import type { Display, Surroundings } from './surroundings.js'
import { unlaunched } from './unlaunched.js'

const nonceBytes = 12

/** What a build is launched from. */
export interface Order {
  build: BuildFile
  route: Route
  /** The values of `build.secretEnvironment`. */
  secretValues: Readonly<Record<string, string>>
}

/**
 * Launches a build and follows it to its end. Where the infrastructure fails before the build container has started, it
 * is launched again as the next attempt, never after.
 *
 * Nothing is remembered but what the cluster has: without a Job of the build it begins with the first attempt.
 *
 * @param existing the newest Job of this build, where there is one: its attempt goes on from where it stands
 */
export async function runBuild(
  around: Surroundings,
  order: Order,
  display: Display,
  existing?: V1Job,
): Promise<BuildResult> {
  const ended = around.fleet.metrics?.began()
  let result: BuildResult | undefined
  try {
    result = await runAttempts(around, order, display, existing)
    return result
  } finally {
    ended?.(result)
  }
}

async function runAttempts(
  around: Surroundings,
  order: Order,
  display: Display,
  existing?: V1Job,
): Promise<BuildResult> {
  const { executor } = order.route
  const most = executor.kubernetes.launchAttempts
  const failed: BuildResult['attempts'] = []
  let job = existing
  for (let attempt = existing === undefined ? 1 : attemptOf(existing); ; attempt++, job = undefined) {
    const input = { ...order, attempt, namespace: around.namespace, nonce: nonce() }
    try {
      job = await launch(around.api, input, job, { clock: around.clock, cancel: around.interruption.cancel })
    } catch (error) {
      return unlaunched(input, error, { now: around.clock.date(), attempts: failed })
    }
    const ending = await followBuild(around, job, display, followOptions(executor))
    const { failure } = ending
    if (failure === undefined || !mayTryAgain(ending, around) || attempt >= most) return resultOf(job, ending, failed)
    failed.push({ job: job.metadata?.name ?? '', failure })
    display.say(`attempt ${attempt} of ${most} failed before its start: ${failure.summary}`)
  }
}

export function followOptions({ kubernetes }: Executor): FollowOptions {
  return { limits: kubernetes.stageTimeouts, graceMs: kubernetes.terminationGracePeriodMs }
}

function attemptOf(job: V1Job): number {
  return Number(job.metadata?.labels?.[labels.attempt] ?? 1)
}

/** The Job of a build's newest attempt. */
export async function newestJob({ api }: Pick<Surroundings, 'api'>, build: string): Promise<V1Job | undefined> {
  const jobs = await api.listJobs(buildSelector(build))
  return jobs
    .filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
    .sort((a, b) => attemptOf(a) - attemptOf(b))
    .at(-1)
}

function mayTryAgain({ outcome, failure }: Ending, { interruption }: Surroundings): boolean {
  return outcome === 'failed' && failure?.retry === true && !interruption.cancel.aborted
}

function nonce(): string {
  return randomBytes(nonceBytes).toString('hex')
}
