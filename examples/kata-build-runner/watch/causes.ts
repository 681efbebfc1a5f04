import { buildContainer, labels } from '../launch/names.js'
import type { FailureKind } from '../model/failure.js'
import { eventMessage, eventsOf, lastEvent } from './events.js'
import { endOf, jobCondition, podCondition } from './facts.js'
import type { Observed } from './observed.js'

/** Who ended the pod, where that was not the build itself. */
export interface Cause {
  kind: Extract<
    FailureKind,
    | 'deadline'
    | 'evicted'
    | 'node-lost'
    | 'preempted'
    | 'stalled'
    | 'dead'
    | 'signalled'
    | 'unschedulable'
    | 'job-vanished'
  >
  summary: string
  remedy?: string
}

/** The cluster's cause, the surest sign first. */
export function causeOf(observed: Observed): Cause | undefined {
  return (
    byPodReason(observed) ??
    byDisruption(observed) ??
    byEvents(observed) ??
    byJob(observed) ??
    byQueue(observed) ??
    byDeletion(observed)
  )
}

/** `status.reason` of a pod that the kubelet or the node controller ended. */
function byPodReason({ pod }: Observed): Cause | undefined {
  const { reason = '', message = '' } = pod?.status ?? {}
  const node = nodeOf(pod?.spec?.nodeName)
  switch (reason) {
    case 'DeadlineExceeded':
      return {
        kind: 'deadline',
        summary: `out of time: the build ran longer than its deadline of ${seconds(pod?.spec?.activeDeadlineSeconds)}`,
      }
    case 'Evicted':
      return evicted(node, message)
    case 'NodeLost':
      return { kind: 'node-lost', summary: `${node} no longer answers` }
    case 'NodeShutdown':
    case 'Terminated':
    case 'Shutdown':
      return { kind: 'node-lost', summary: `${node} was shut down` }
    case 'Preempting':
      return { kind: 'preempted', summary: `preempted on ${node} for a critical pod` }
    case 'NodeAffinity':
    case 'NodePorts':
    case 'UnexpectedAdmissionError':
      return refusedByNode(node, message || reason)
    default:
      // OutOfcpu, OutOfmemory, OutOfpods: another pod was there first.
      return reason.startsWith('OutOf') ? refusedByNode(node, message || reason) : undefined
  }
}

/** The condition that whoever takes a pod away sets before (1.26+). */
function byDisruption({ pod }: Observed): Cause | undefined {
  const condition = podCondition(pod, 'DisruptionTarget')
  if (condition?.status !== 'True') return undefined
  const node = nodeOf(pod?.spec?.nodeName)
  switch (condition.reason) {
    case 'PreemptionByScheduler':
      return { kind: 'preempted', summary: `preempted on ${node} by a pod of higher priority` }
    case 'DeletionByTaintManager':
    case 'DeletionByDeviceTaintManager':
      return { kind: 'node-lost', summary: `${node} was tainted NoExecute (not ready, unreachable or drained)` }
    case 'DeletionByPodGC':
      return { kind: 'node-lost', summary: `${node} no longer exists` }
    case 'EvictionByEvictionAPI':
      return {
        kind: 'evicted',
        summary: `evicted from ${node} by the eviction API (a drain, or an autoscaler that clears the node)`,
        remedy:
          'start the build again; a PodDisruptionBudget or `cluster-autoscaler.kubernetes.io/safe-to-evict: "false"` in `annotations` keeps builds where they are',
      }
    default:
      return evicted(node, condition.message ?? '')
  }
}

/** What only events say; an API server keeps them for an hour. */
function byEvents(observed: Observed): Cause | undefined {
  const events = eventsOf(observed, 'Pod')
  const node = nodeOf(observed.pod?.spec?.nodeName)
  const evictions = lastEvent(events, 'Evicted')
  if (evictions !== undefined) return evicted(node, eventMessage(evictions))
  if (lastEvent(events, 'Preempted') !== undefined)
    return { kind: 'preempted', summary: `preempted on ${node} by a pod of higher priority` }
  // "Cancelling deletion of Pod …" has the same reason, and means the opposite.
  if (lastEvent(events, 'TaintManagerEviction')?.message?.startsWith('Marking for deletion') === true) {
    return { kind: 'node-lost', summary: `${node} was tainted NoExecute (not ready, unreachable or drained)` }
  }
  return byProbe(observed)
}

/** The kubelet killed the container because a probe failed; the probe's own line says whether it stalled. */
function byProbe(observed: Observed): Cause | undefined {
  const events = eventsOf(observed, 'Pod')
  const killing = lastEvent(
    events,
    'Killing',
    new RegExp(`^Container ${buildContainer} failed (?:liveness|startup) probe`),
  )
  if (killing === undefined) return undefined
  const probe = /failed (\w+) probe/.exec(eventMessage(killing))?.[1] ?? 'liveness'
  const unhealthy = lastEvent(events, 'Unhealthy', new RegExp(`^${probe} probe `, 'i'))
  const left = endOf(observed.pod)?.message ?? ''
  const words =
    unhealthy === undefined ? left : eventMessage(unhealthy).replace(/^\w+ probe (?:failed|errored)[^:]*: /i, '')
  const kind = /\bstalled: /.test(words) ? 'stalled' : /\b(?:dead|missing): /.test(words) ? 'dead' : 'signalled'
  return {
    kind,
    summary: `killed by the kubelet because its ${probe} probe failed: ${words || 'the probe did not answer in time'}`,
    ...(kind === 'signalled'
      ? { remedy: 'a probe without an answer: the node was overloaded, or the guard did not run' }
      : {}),
  }
}

/** The Job's own deadline is a backstop behind the pod's: it deletes the pod, with log and message. */
function byJob(observed: Observed): Cause | undefined {
  const condition = jobCondition(observed, 'Failed') ?? jobCondition(observed, 'FailureTarget')
  if (condition?.reason !== 'DeadlineExceeded') return undefined
  return {
    kind: 'deadline',
    summary: `out of time: the Job ran longer than its deadline of ${seconds(observed.job?.spec?.activeDeadlineSeconds)}`,
  }
}

/** Kueue suspends the Job of what it evicts, and the Job controller then deletes the pod. */
function byQueue({ job, pod, podVanished }: Observed): Cause | undefined {
  if (job?.spec?.suspend !== true || (podVanished !== true && !pod?.metadata?.deletionTimestamp)) return undefined
  const queue = job.metadata?.labels?.[labels.queue]
  return {
    kind: 'preempted',
    summary: queue === undefined ? 'the Job was suspended' : `queue ${queue} took the build back`,
  }
}

function byDeletion({ job, jobVanished, pod, podVanished }: Observed): Cause | undefined {
  if (jobVanished === true)
    return { kind: 'job-vanished', summary: `the Job ${job?.metadata?.name ?? 'of the build'} was deleted` }
  if (podVanished !== true && !pod?.metadata?.deletionTimestamp) return undefined
  return { kind: 'job-vanished', summary: `the pod ${pod?.metadata?.name ?? 'of the build'} was deleted by somebody` }
}

function evicted(node: string, message: string): Cause {
  const own =
    /exceeded its local ephemeral storage limit|ephemeral local storage usage exceeds|Usage of EmptyDir volume/.test(
      message,
    )
  return own
    ? {
        kind: 'evicted',
        summary: `evicted from ${node}: the build used more disk than its limit`,
        remedy: 'choose a larger disk tier, or write less',
      }
    : {
        kind: 'evicted',
        summary: `evicted from ${node}: ${message || 'no reason given'}`,
        remedy: 'the node ran short: start the build again, with a tier whose requests are closer to what it uses',
      }
}

function refusedByNode(node: string, message: string): Cause {
  return {
    kind: 'unschedulable',
    summary: `${node} refused the pod: ${message}`,
    remedy: 'another pod took the room first, or the node changed since; try again',
  }
}

function nodeOf(name: string | undefined): string {
  return name ? `node ${name}` : 'the node'
}

function seconds(value: number | undefined): string {
  return value === undefined ? 'unknown length' : `${value} s`
}
