import type { V1ContainerState } from '@kubernetes/client-node'
import { buildContainer } from '../launch/names.js'
import type { Failure, FailureKind } from '../model/failure.js'
import { failureGuide } from '../model/failure-guide.js'
import { plain } from '../model/plain-text.js'
import { eventsOf, eventWords } from './events.js'
import { containersOf, hasStarted, isStartError, jobCondition, podCondition, recordOf } from './facts.js'
import type { Observed } from './observed.js'

// The newest say most; an event is repeated with another number in its name, and there may be hundreds.
const mostEvents = 6
const tellingNormalEvents = ['Killing', 'TaintManagerEviction', 'Preempted', 'NodeNotReady', 'SuccessfulDelete']

/** All that the cluster and the guard said that is out of the ordinary, in their own words. */
function evidenceOf(observed: Observed): string[] {
  const { pod } = observed
  const record = recordOf(observed)
  const disruption = podCondition(pod, 'DisruptionTarget')
  const unscheduled = podCondition(pod, 'PodScheduled')
  const lines = [
    record === undefined
      ? undefined
      : `guard: ${record.outcome} ${record.exit}: ${record.line ?? ''}${record.interim ? ' (interim)' : ''}`,
    observed.wentUnseen === true ? 'no watch was open while it went: the build may have begun' : undefined,
    said('pod', pod?.status?.reason, pod?.status?.message),
    disruption?.status === 'True' ? said('DisruptionTarget', disruption.reason, disruption.message) : undefined,
    unscheduled?.status === 'False' ? said('PodScheduled', unscheduled.reason, unscheduled.message) : undefined,
    ...containersOf(pod).map(({ name, state }) => stateWords(name, state)),
    ...['Failed', 'FailureTarget'].map((type) =>
      said('Job', jobCondition(observed, type)?.reason, jobCondition(observed, type)?.message),
    ),
    ...tellingEvents(observed),
  ]
  const words = lines.filter((line) => line !== undefined).map((line) => plain(line))
  return [...new Set(words)]
}

/** Puts a failure together: what of it is the same for all. */
export function failure(
  observed: Observed,
  kind: FailureKind,
  summary: string,
  more: { remedy?: string | undefined; retry?: boolean; started?: boolean } = {},
): Failure {
  const started = more.started ?? hasStarted(observed)
  return {
    kind,
    summary: plain(summary, 400),
    remedy: plain(more.remedy || failureGuide[kind].remedy, 400),
    evidence: evidenceOf(observed),
    started,
    retry: !started && more.retry === true,
  }
}

function said(who: string, reason: string | undefined, message: string | undefined): string | undefined {
  if (!reason && !message) return undefined
  return `${who}: ${[reason, message].filter((word) => word).join(': ')}`
}

function stateWords(name: string, { waiting, terminated }: V1ContainerState): string | undefined {
  if (waiting?.reason !== undefined && !['ContainerCreating', 'PodInitializing'].includes(waiting.reason)) {
    return said(`container ${name}`, waiting.reason, waiting.message)
  }
  if (terminated === undefined || (terminated.exitCode === 0 && terminated.reason === 'Completed')) return undefined
  const end = `exit ${terminated.exitCode}${terminated.reason ? ` (${terminated.reason})` : ''}`
  // The guard's own message is the record, which is shown already.
  const own = isStartError(terminated) || terminated.reason === 'ContainerStatusUnknown' || name !== buildContainer
  return said(`container ${name}`, end, own ? terminated.message : undefined)
}

function tellingEvents(observed: Observed): string[] {
  const events = [...eventsOf(observed, 'Job'), ...eventsOf(observed, 'Pod')]
  const telling = events.filter(({ type, reason }) => type === 'Warning' || tellingNormalEvents.includes(reason ?? ''))
  return telling.slice(-mostEvents).map(eventWords)
}
