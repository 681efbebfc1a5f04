/** What a person wants to see of a pod when a test on it has failed. */
import type { CoreV1Event, V1ContainerStatus, V1Pod } from '@kubernetes/client-node'
import { stringify } from 'yaml'

/** Why a pod will never run, whatever one waits for; undefined, if it may. */
export function hopelessness(pod: V1Pod): string | undefined {
  for (const { name, image, state } of statusesOf(pod)) {
    const { reason = '', message = '' } = state?.waiting ?? {}
    if (/^(ErrImage|ImagePull|InvalidImage|ErrImageNeverPull)/.test(reason)) {
      return (
        `container "${name}": ${reason}: ${message}\n` +
        `The image ${image} is not on node ${pod.spec?.nodeName}, and nothing is pulled from here. Build the images ` +
        'with "npm run images -- --save images.tar", load them on every node ("ctr --namespace k8s.io images import ' +
        'images.tar", "kind load image-archive images.tar", …), and name them in SHM_LIVENESS_IMAGE and ' +
        'SHM_LIVENESS_WORKER_IMAGE exactly as the node lists them ("crictl images").'
      )
    }
    if (reason === 'CreateContainerConfigError') return `container "${name}": ${reason}: ${message}`
  }
  const { phase, reason, message } = pod.status ?? {}
  if (phase === 'Failed' && reason !== undefined) return `the pod was refused: ${reason}: ${message}`
  return undefined
}

export function statusesOf(pod: V1Pod): V1ContainerStatus[] {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
}

/** A line for each container, and one for each condition that is not true. */
export function summaryOf(pod: V1Pod): string {
  const { phase, reason, message, conditions = [] } = pod.status ?? {}
  const why = [reason, message].filter(Boolean).join(': ')
  return [
    `phase ${phase ?? 'unknown'}${why && `, ${why}`}, node ${pod.spec?.nodeName ?? 'none yet'}`,
    ...conditions
      .filter(({ status }) => status !== 'True')
      .map((condition) => `condition ${condition.type} ${condition.status}: ${condition.message ?? condition.reason}`),
    ...statusesOf(pod).map(
      (status) =>
        `container ${status.name}: ${stateOf(status.state)}, ${status.ready ? 'ready' : 'not ready'}, restarts ${status.restartCount}` +
        (status.lastState?.terminated === undefined ? '' : `; before: ${stateOf(status.lastState)}`),
    ),
  ].join('\n')
}

function stateOf(state: V1ContainerStatus['state']): string {
  if (state?.running !== undefined) return `running since ${iso(state.running.startedAt)}`
  if (state?.waiting !== undefined) return `waiting, ${state.waiting.reason}: ${state.waiting.message ?? ''}`
  const ended = state?.terminated
  if (ended === undefined) return 'no state'
  const message = ended.message ? ` "${ended.message.trim()}"` : ''
  return `ended ${iso(ended.finishedAt)}, ${ended.reason}, exit ${ended.exitCode}${message}`
}

export function eventLine(event: CoreV1Event): string {
  const count = event.count === undefined || event.count === 1 ? '' : ` (${event.count} times)`
  const when = event.lastTimestamp ?? event.eventTime ?? event.firstTimestamp
  return `${iso(when)} ${event.type} ${event.reason}: ${event.message?.trim()}${count}`
}

function iso(time: Date | string | undefined): string {
  return time === undefined ? '?' : new Date(time).toISOString()
}

export interface PodStory {
  pod: V1Pod
  events: CoreV1Event[]
  /** By a title such as "camera", "camera, the run before". */
  logs: Map<string, string>
}

/** All of it: summary, events, logs, and the pod as it was asked for. */
export function describePod({ pod, events, logs }: PodStory): string {
  const { spec, metadata } = pod
  const parts = [
    `===== pod ${metadata?.namespace}/${metadata?.name} =====`,
    summaryOf(pod),
    '----- events -----',
    events.length === 0 ? '(none)' : events.map(eventLine).join('\n'),
    ...[...logs].flatMap(([title, log]) => [`----- log of ${title} -----`, lastLines(log) || '(empty)']),
    '----- manifest -----',
    stringify({ spec }).trim(),
    '=====',
  ]
  return parts.join('\n')
}

const mostLines = 60

function lastLines(log: string): string {
  const lines = log.trimEnd().split('\n')
  const left = lines.length - mostLines
  return left > 0 ? `(${left} lines before)\n${lines.slice(left).join('\n')}` : lines.join('\n')
}
