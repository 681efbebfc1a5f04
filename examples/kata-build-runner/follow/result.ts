import type { V1Job } from '@kubernetes/client-node'
import { buildContainer, labels } from '../launch/names.js'
import { exitCodeOf } from '../model/exit-codes.js'
import type { BuildResult } from '../model/result.js'
import { buildTimes } from '../watch/build-times.js'
import { recordOf } from '../watch/facts.js'
import type { Ending } from './build.js'

/** What the runner writes of a build's end. All of it comes from the Job, so that `attach` writes the same as `run`. */
export function resultOf(job: V1Job, ending: Ending, attempts: BuildResult['attempts']): BuildResult {
  const { outcome, failure, observed, log } = ending
  const { metadata, spec } = job
  const pod = observed.pod
  const template = spec?.template.spec
  const record = recordOf(observed)
  return {
    version: 1,
    build: metadata?.labels?.[labels.build] ?? '',
    attempt: Number(metadata?.labels?.[labels.attempt] ?? 1),
    job: metadata?.name ?? '',
    ...(metadata?.uid === undefined ? {} : { jobUid: metadata.uid }),
    ...(pod?.metadata?.name === undefined ? {} : { pod: pod.metadata.name }),
    ...(pod?.spec?.nodeName ? { node: pod.spec.nodeName } : {}),
    namespace: metadata?.namespace ?? '',
    executor: metadata?.labels?.[labels.executor] ?? '',
    runtimeClass: template?.runtimeClassName ?? null,
    image: template?.containers.find(({ name }) => name === buildContainer)?.image ?? '',
    outcome,
    ...(failure === undefined ? {} : { failure }),
    ...(record === undefined ? {} : { record }),
    steps: log.steps,
    ...buildTimes(observed),
    log: log.account(record),
    attempts,
    exitCode: exitCodeOf({ outcome, failure }),
  }
}
