export interface Resource {
  /** '' is the core group. */
  group: string
  version: string
  plural: string
  kind: string
  namespaced: boolean
  /** What `fieldSelector` may name beside metadata.name and metadata.namespace. */
  fields?: string[]
}

const core = (plural: string, kind: string, more: Partial<Resource> = {}): Resource => ({
  group: '',
  version: 'v1',
  plural,
  kind,
  namespaced: true,
  ...more,
})

export const pods = core('pods', 'Pod', {
  fields: ['status.phase', 'spec.nodeName', 'spec.restartPolicy', 'spec.serviceAccountName', 'status.podIP'],
})
export const secrets = core('secrets', 'Secret', { fields: ['type'] })
export const nodes = core('nodes', 'Node', { namespaced: false, fields: ['spec.unschedulable'] })
export const events = core('events', 'Event', {
  fields: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'reason',
    'type',
    'source',
    'reportingComponent',
  ],
})
export const jobs: Resource = {
  group: 'batch',
  version: 'v1',
  plural: 'jobs',
  kind: 'Job',
  namespaced: true,
  fields: ['status.successful'],
}
export const namespaces = core('namespaces', 'Namespace', { namespaced: false })
export const runtimeClasses: Resource = {
  group: 'node.k8s.io',
  version: 'v1',
  plural: 'runtimeclasses',
  kind: 'RuntimeClass',
  namespaced: false,
}
const storageClasses: Resource = {
  group: 'storage.k8s.io',
  version: 'v1',
  plural: 'storageclasses',
  kind: 'StorageClass',
  namespaced: false,
}
const daemonSets: Resource = { group: 'apps', version: 'v1', plural: 'daemonsets', kind: 'DaemonSet', namespaced: true }
const localQueues: Resource = {
  group: 'kueue.x-k8s.io',
  version: 'v1beta1',
  plural: 'localqueues',
  kind: 'LocalQueue',
  namespaced: true,
}

export const resources: Resource[] = [
  pods,
  secrets,
  nodes,
  events,
  core('configmaps', 'ConfigMap'),
  core('serviceaccounts', 'ServiceAccount'),
  namespaces,
  core('resourcequotas', 'ResourceQuota'),
  jobs,
  runtimeClasses,
  storageClasses,
  daemonSets,
  localQueues,
]

export const apiVersionOf = ({ group, version }: Resource): string => (group === '' ? version : `${group}/${version}`)
/** As the API names it in errors: `jobs.batch`. */
export const qualified = ({ group, plural }: Resource): string => (group === '' ? plural : `${plural}.${group}`)

export interface Target {
  resource: Resource
  namespace?: string
  name?: string
  /** `log`, `status`. */
  subresource?: string
}

/** What a path asks for; undefined: nothing that is served here. */
export function targetOf(path: string): Target | undefined {
  const [root, ...parts] = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent)
  if (root !== 'api' && root !== 'apis') return undefined
  const group = root === 'api' ? '' : parts.shift()
  const version = parts.shift()
  const isWithin = parts[0] === 'namespaces' && parts.length > 2
  const namespace = isWithin ? parts[1] : undefined
  const [plural, name, subresource] = isWithin ? parts.slice(2) : parts
  const resource = resources.find((each) => each.group === group && each.version === version && each.plural === plural)
  if (resource === undefined || (namespace !== undefined && !resource.namespaced)) return undefined
  return {
    resource,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  }
}
