import { error, type Finding, ok } from '../../../kata-build-runner/cli/checks/finding.js'
import type { CiConfig } from '../../config/ci-schema.js'
import type { Manifest } from '../../render/manifest.js'
import { manifestsOf } from '../../render/manifests.js'
import type { Cluster } from '../cluster.js'

/** What `kubectl apply` does to an object. */
const verbs = ['get', 'create', 'patch'] as const
const what = 'permissions'

/** The API's names of the kinds that are rendered: where a kind is in RBAC. */
const plurals: Record<string, string> = {
  ConfigMap: 'configmaps',
  CronJob: 'cronjobs',
  DaemonSet: 'daemonsets',
  Deployment: 'deployments',
  Namespace: 'namespaces',
  NetworkPolicy: 'networkpolicies',
  PodDisruptionBudget: 'poddisruptionbudgets',
  Role: 'roles',
  RoleBinding: 'rolebindings',
  Service: 'services',
  ServiceAccount: 'serviceaccounts',
  StatefulSet: 'statefulsets',
}

export interface Right {
  verb: string
  group: string
  resource: string
  namespace?: string
}

/** The rights that applying the manifests of a config needs, each once. */
export function rightsFor(manifests: readonly Manifest[]): Right[] {
  const rights = manifests.flatMap(({ apiVersion, kind, metadata }) => {
    const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : ''
    const resource = plurals[kind]
    if (resource === undefined) throw new Error(`no plural of ${kind}`)
    const { namespace } = metadata
    return verbs.map((verb): Right => ({ verb, group, resource, ...(namespace === undefined ? {} : { namespace }) }))
  })
  return [...new Map(rights.map((right) => [JSON.stringify(right), right])).values()]
}

/** Whether whom the kubeconfig names may apply everything. */
export async function checkAccess(cluster: Cluster, config: CiConfig): Promise<Finding[]> {
  const rights = rightsFor(manifestsOf(config))
  const answers = await Promise.all(rights.map((right) => cluster.mayI({ ...right })))
  const missing = rights.filter((_, index) => answers[index] === false)
  if (missing.length === 0) return [ok(what, `all ${rights.length} that applying the manifests needs are granted`)]
  return missing.map(({ verb, group, resource, namespace }) => {
    const name = group === '' ? resource : `${resource}.${group}`
    const where = namespace === undefined ? 'in the cluster' : `in namespace ${namespace}`
    return error(
      what,
      `${verb} ${name} is not granted ${where}`,
      'let somebody apply the manifests who may, or grant it',
    )
  })
}
