import type { CoreV1Event } from '@kubernetes/client-node'
import { plain } from '../model/plain-text.js'
import { dateOf } from './facts.js'
import type { Observed } from './observed.js'

/** When an event was seen last: events.k8s.io counts in `series`, the old recorder in `count` and `lastTimestamp`. */
function eventTimeMs(event: CoreV1Event): number {
  const time =
    dateOf(event.series?.lastObservedTime) ??
    dateOf(event.lastTimestamp) ??
    dateOf(event.eventTime) ??
    dateOf(event.firstTimestamp) ??
    dateOf(event.metadata?.creationTimestamp)
  return time?.getTime() ?? 0
}

export function eventCount(event: CoreV1Event): number {
  return event.series?.count ?? event.count ?? 1
}

/** The message without the prefix that client-go's aggregator puts before similar ones. */
export function eventMessage(event: CoreV1Event): string {
  return (event.message ?? '').replace(/^\(combined from similar events\): /, '')
}

/** An event as evidence. */
export function eventWords(event: CoreV1Event): string {
  const times = eventCount(event)
  return plain(`${event.reason ?? 'event'}: ${eventMessage(event)}${times > 1 ? ` (${times} times)` : ''}`)
}

/** Those of the build's own Job and pod, oldest first: another object of the same name has another uid. */
export function eventsOf({ events, job, pod }: Observed, kind: 'Job' | 'Pod'): CoreV1Event[] {
  const uid = (kind === 'Job' ? job : pod)?.metadata?.uid
  return events
    .filter(({ involvedObject: about }) => about.kind === kind && (!uid || !about.uid || about.uid === uid))
    .sort((a, b) => eventTimeMs(a) - eventTimeMs(b))
}

/** The newest of the events with this reason, and a message that matches. */
export function lastEvent(events: readonly CoreV1Event[], reason: string, message?: RegExp): CoreV1Event | undefined {
  return events.findLast((event) => event.reason === reason && (message?.test(eventMessage(event)) ?? true))
}

/** Whether an event is about this container: its `fieldPath` is `spec.containers{build}`. */
export function isAbout(event: CoreV1Event, container: string): boolean {
  return event.involvedObject.fieldPath?.endsWith(`{${container}}`) ?? false
}
