import { ApiException, type CoreV1Event, type V1Job, type V1Pod, type V1Secret } from '@kubernetes/client-node'
import {
  defined,
  type Fields,
  fieldsOf,
  flagOf,
  isFields,
  listOf,
  numberOf,
  textOf,
  textsOf,
  timeOf,
} from './fields.js'

// Of each object only what builds are judged by is kept, or hundreds of builds would fill the memory: who set which field,
// what `wire` and defaults put into a spec, and annotations of others are most of a pod. The types stay client-node's.

/** The status of an answer that makes no sense, as of a server that fails: ask again. */
const noSense = 500

/** @throws ApiException, as for an answer of a server that fails */
export function malformed(what: string): ApiException<{ message: string }> {
  return new ApiException(noSense, 'no sense', { message: what }, {})
}

/** @throws ApiException if it is no Job */
export function jobOf(value: unknown): V1Job {
  const { metadata, spec, status } = parts(value, 'Job')
  const template = fieldsOf(fieldsOf(fieldsOf(spec)['template'])['spec'])
  return {
    metadata: {
      ...metadataOf(metadata),
      ...defined({ labels: textsOf(metadata['labels']), annotations: textsOf(metadata['annotations']) }),
    },
    spec: {
      ...defined({
        suspend: flagOf(spec['suspend']),
        activeDeadlineSeconds: numberOf(spec['activeDeadlineSeconds']),
      }),
      template: {
        spec: {
          ...defined({ runtimeClassName: textOf(template['runtimeClassName']) }),
          containers: listOf(template['containers']).map(containerOf),
        },
      },
    },
    status: defined({
      ...{
        active: numberOf(status['active']),
        succeeded: numberOf(status['succeeded']),
        failed: numberOf(status['failed']),
      },
      conditions: conditionsOf(status['conditions']),
    }),
  } as unknown as V1Job
}

/** @throws ApiException if the object has another shape than a pod */
export function podOf(value: unknown): V1Pod {
  const { metadata, spec, status } = parts(value, 'pod')
  const owners = listOf(metadata['ownerReferences']).map(({ apiVersion, kind, name, uid, controller }) =>
    defined({ apiVersion, kind, name, uid, controller }),
  )
  return {
    metadata: { ...metadataOf(metadata), ...(owners.length === 0 ? {} : { ownerReferences: owners }) },
    spec: {
      ...defined({
        nodeName: textOf(spec['nodeName']),
        activeDeadlineSeconds: numberOf(spec['activeDeadlineSeconds']),
        nodeSelector: textsOf(spec['nodeSelector']),
        overhead: textsOf(spec['overhead']),
        affinity: isFields(spec['affinity']) ? defined({ nodeAffinity: spec['affinity']['nodeAffinity'] }) : undefined,
      }),
      initContainers: listOf(spec['initContainers']).map(containerOf),
      containers: listOf(spec['containers']).map(containerOf),
    },
    status: defined({
      phase: textOf(status['phase']),
      reason: textOf(status['reason']),
      message: textOf(status['message']),
      conditions: conditionsOf(status['conditions']),
      initContainerStatuses: statusesOf(status['initContainerStatuses']),
      containerStatuses: statusesOf(status['containerStatuses']),
    }),
  } as unknown as V1Pod
}

/** @throws ApiException if it is no Secret */
export function secretOf(value: unknown): V1Secret {
  parts(value, 'Secret')
  return value as V1Secret
}

export function seenEventOf(value: unknown): CoreV1Event {
  const event = fieldsOf(value)
  const { kind, name, uid, fieldPath } = fieldsOf(event['involvedObject'])
  const series = fieldsOf(event['series'])
  return {
    metadata: metadataOf(fieldsOf(event['metadata'])),
    involvedObject: defined({ kind: textOf(kind), name: textOf(name), uid: textOf(uid), fieldPath: textOf(fieldPath) }),
    ...defined({
      ...{ type: textOf(event['type']), reason: textOf(event['reason']), message: textOf(event['message']) },
      ...{ count: numberOf(event['count']), eventTime: timeOf(event['eventTime']) },
      ...{ firstTimestamp: timeOf(event['firstTimestamp']), lastTimestamp: timeOf(event['lastTimestamp']) },
      series: isFields(event['series'])
        ? defined({ count: numberOf(series['count']), lastObservedTime: timeOf(series['lastObservedTime']) })
        : undefined,
    }),
  } as unknown as CoreV1Event
}

/** @throws ApiException if the object has no name or no uid */
function parts(value: unknown, what: string): Record<'metadata' | 'spec' | 'status', Fields> {
  const [object, metadata] = [fieldsOf(value), fieldsOf(fieldsOf(value)['metadata'])]
  if (!textOf(metadata['name']) || !textOf(metadata['uid'])) throw malformed(`a ${what} without name and uid`)
  return { metadata, spec: fieldsOf(object['spec']), status: fieldsOf(object['status']) }
}

function metadataOf(metadata: Fields): Fields {
  return defined({
    name: textOf(metadata['name']),
    namespace: textOf(metadata['namespace']),
    uid: textOf(metadata['uid']),
    resourceVersion: textOf(metadata['resourceVersion']),
    creationTimestamp: timeOf(metadata['creationTimestamp']),
    deletionTimestamp: timeOf(metadata['deletionTimestamp']),
    deletionGracePeriodSeconds: numberOf(metadata['deletionGracePeriodSeconds']),
  })
}

function containerOf({ name, image, restartPolicy, resources }: Fields): Fields {
  const requests = textsOf(fieldsOf(resources)['requests'])
  return defined({
    ...{ name: textOf(name) ?? '', image: textOf(image), restartPolicy: textOf(restartPolicy) },
    resources: requests === undefined ? undefined : { requests },
  })
}

function conditionsOf(value: unknown): Fields[] | undefined {
  if (!Array.isArray(value)) return undefined
  return listOf(value).map(({ type, status, reason, message, lastTransitionTime }) =>
    defined({
      ...{ type: textOf(type) ?? '', status: textOf(status) ?? '' },
      ...{ reason: textOf(reason), message: textOf(message), lastTransitionTime: timeOf(lastTransitionTime) },
    }),
  )
}

function statusesOf(value: unknown): Fields[] | undefined {
  if (!Array.isArray(value)) return undefined
  return listOf(value).map((status) =>
    defined({
      ...{ name: textOf(status['name']) ?? '', image: textOf(status['image']) ?? '' },
      ...{ restartCount: numberOf(status['restartCount']) ?? 0, started: flagOf(status['started']) },
      ...{ containerID: textOf(status['containerID']) },
      ...{ state: stateOf(status['state']), lastState: stateOf(status['lastState']) },
    }),
  )
}

function stateOf(value: unknown): Fields {
  const { waiting, running, terminated } = fieldsOf(value)
  return defined({
    waiting: isFields(waiting)
      ? defined({ reason: textOf(waiting['reason']), message: textOf(waiting['message']) })
      : undefined,
    running: isFields(running) ? defined({ startedAt: timeOf(running['startedAt']) }) : undefined,
    terminated: isFields(terminated) ? endOf(terminated) : undefined,
  })
}

function endOf(end: Fields): Fields {
  return defined({
    ...{ exitCode: numberOf(end['exitCode']) ?? -1, signal: numberOf(end['signal']) },
    ...{ reason: textOf(end['reason']), message: textOf(end['message']) },
    ...{ startedAt: timeOf(end['startedAt']), finishedAt: timeOf(end['finishedAt']) },
  })
}
