import { randomBytes } from 'node:crypto'
import { type KubeObject, kubeMicroTime, kubeTime } from './objects.js'
import { events } from './resources.js'
import type { Store } from './store.js'

export interface EventText {
  type?: 'Normal' | 'Warning'
  reason: string
  message: string
  /** Of the container that it is about. */
  fieldPath?: string
}

interface EventObject extends KubeObject {
  count?: number
  series?: { count: number; lastObservedTime: string }
}

const referenceTo = ({ apiVersion, kind, metadata }: KubeObject, fieldPath?: string) => ({
  kind,
  namespace: metadata.namespace,
  name: metadata.name,
  uid: metadata.uid,
  apiVersion,
  resourceVersion: metadata.resourceVersion,
  ...(fieldPath === undefined ? {} : { fieldPath }),
})

/** Both kinds of events there are: repeated ones become a count, as the two recorders of client-go do it. */
export class EventRecorder {
  readonly #store: Store
  readonly #known = new Map<string, string>()

  constructor(store: Store) {
    this.#store = store
  }

  /** The older recorder's: kubelet, job-controller, taint-eviction-controller. */
  record(about: KubeObject, text: EventText, component: string, host?: string): void {
    const now = kubeTime()
    this.#put(about, text, component, (event) => ({ ...event, count: (event.count ?? 1) + 1, lastTimestamp: now }), {
      source: { component, ...(host === undefined ? {} : { host }) },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      eventTime: null,
      reportingComponent: component,
      reportingInstance: host ?? '',
    })
  }

  /** The one of events.k8s.io, as the core API shows it: no count and no timestamps but eventTime and a series. */
  recordSeries(about: KubeObject, text: EventText, component: string, action: string): void {
    const now = kubeMicroTime()
    this.#put(
      about,
      text,
      component,
      (event) => ({ ...event, series: { count: (event.series?.count ?? 1) + 1, lastObservedTime: now } }),
      {
        source: {},
        firstTimestamp: null,
        lastTimestamp: null,
        eventTime: now,
        action,
        reportingComponent: component,
        reportingInstance: `${component}-fake`,
      },
    )
  }

  #put(
    about: KubeObject,
    { type = 'Normal', reason, message, fieldPath }: EventText,
    component: string,
    again: (event: EventObject) => EventObject,
    fresh: Record<string, unknown>,
  ): void {
    const { namespace = 'default', name, uid } = about.metadata
    const key = [uid, component, type, reason, message, fieldPath].join('\0')
    const known = this.#known.get(key)
    const found = known === undefined ? undefined : this.#store.find<EventObject>(events, namespace, known)
    if (found !== undefined) {
      this.#store.update<EventObject>(events, found.metadata, again)
      return
    }
    const eventName = `${name}.${randomBytes(8).toString('hex')}`
    this.#known.set(key, eventName)
    this.#store.add(events, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: eventName, namespace },
      involvedObject: referenceTo(about, fieldPath),
      ...{ type, reason, message },
      ...fresh,
    })
  }
}
