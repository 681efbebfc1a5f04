import { randomUUID } from 'node:crypto'
import type { ContainerSpec, Job, KubeObject, Metadata, Pod, PodSpec } from './objects.js'
import { jobs, pods, type Resource, secrets } from './resources.js'
import type { NewObject } from './store.js'

const container = (given: ContainerSpec): ContainerSpec => ({
  ...{ resources: {}, terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File' },
  ...{ imagePullPolicy: /:[^/]+$|@/.test(given.image) ? 'IfNotPresent' : 'Always' },
  ...given,
})

const podSpec = (given: PodSpec): PodSpec => ({
  ...{ restartPolicy: 'Always', terminationGracePeriodSeconds: 30, dnsPolicy: 'ClusterFirst', securityContext: {} },
  ...{ schedulerName: 'default-scheduler' },
  ...given,
  containers: given.containers.map(container),
  ...(given.initContainers === undefined ? {} : { initContainers: given.initContainers.map(container) }),
})

const notReady = (key: string) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 })

function pod(object: Pod): Pod {
  const tolerations = (object.spec['tolerations'] as object[] | undefined) ?? []
  const spec = {
    ...podSpec(object.spec),
    serviceAccountName: 'default',
    enableServiceLinks: true,
    priority: 0,
    preemptionPolicy: 'PreemptLowerPriority',
    ...object.spec,
    tolerations: [...tolerations, notReady('node.kubernetes.io/not-ready'), notReady('node.kubernetes.io/unreachable')],
  }
  return { ...object, spec: { ...spec, ...podSpec(spec) }, status: { phase: 'Pending', qosClass: 'Burstable' } }
}

function job(object: Job): Job {
  const uid = object.metadata.uid ?? randomUUID()
  const { name } = object.metadata
  const labels = {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  }
  const { template } = object.spec
  return {
    ...object,
    metadata: { ...object.metadata, uid, generation: 1 },
    spec: {
      ...{ parallelism: 1, completions: 1, backoffLimit: 6, completionMode: 'NonIndexed', suspend: false },
      ...{ manualSelector: false, podReplacementPolicy: 'TerminatingOrFailed' },
      ...object.spec,
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } },
      template: {
        metadata: { ...template.metadata, labels: { ...template.metadata?.labels, ...labels } },
        spec: podSpec(template.spec),
      },
    },
    status: {},
  }
}

function secret({ stringData, ...object }: KubeObject): KubeObject {
  const encoded = Object.entries((stringData ?? {}) as Record<string, string>).map(([key, text]) => [
    key,
    Buffer.from(text).toString('base64'),
  ])
  return { type: 'Opaque', ...object, data: { ...(object['data'] ?? {}), ...Object.fromEntries(encoded) } }
}

/** What the API server fills in at a create. */
export function withDefaults(resource: Resource, namespace: string | undefined, given: NewObject): NewObject {
  const { uid: _, resourceVersion: __, creationTimestamp: ___, ...metadata } = given.metadata
  const object = {
    ...given,
    metadata: { ...metadata, ...(namespace === undefined ? {} : { namespace }) } as Metadata,
  } as KubeObject
  if (resource === jobs) return job(object as Job)
  if (resource === pods) return pod(object as Pod)
  return resource === secrets ? secret(object) : object
}
