import { createRequire } from 'node:module'
import { isFields } from '../../lib/kubernetes/shape.js'

const require = createRequire(import.meta.url)

interface Model {
  validate(): void
}

const modules: Record<string, string> = {
  'v1/Pod': 'kubernetes-models/v1/Pod',
  'v1/Service': 'kubernetes-models/v1/Service',
  'v1/ConfigMap': 'kubernetes-models/v1/ConfigMap',
  'v1/Namespace': 'kubernetes-models/v1/Namespace',
  'v1/ServiceAccount': 'kubernetes-models/v1/ServiceAccount',
  'rbac.authorization.k8s.io/v1/Role': 'kubernetes-models/rbac.authorization.k8s.io/v1/Role',
  'rbac.authorization.k8s.io/v1/RoleBinding': 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding',
  'networking.k8s.io/v1/NetworkPolicy': 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy',
  'policy/v1/PodDisruptionBudget': 'kubernetes-models/policy/v1/PodDisruptionBudget',
  'apps/v1/Deployment': 'kubernetes-models/apps/v1/Deployment',
  'apps/v1/StatefulSet': 'kubernetes-models/apps/v1/StatefulSet',
  'apps/v1/DaemonSet': 'kubernetes-models/apps/v1/DaemonSet',
  'apps/v1/ReplicaSet': 'kubernetes-models/apps/v1/ReplicaSet',
  'batch/v1/Job': 'kubernetes-models/batch/v1/Job',
  'batch/v1/CronJob': 'kubernetes-models/batch/v1/CronJob',
}

/** Validates an object, and what it lists, by the published schema of its kind; throws, if it is not valid. */
export function validate(resource: unknown): void {
  if (!isFields(resource)) return
  const kind = String(resource['kind'])
  if (Array.isArray(resource['items'])) {
    for (const item of resource['items']) validate(item)
    return
  }
  const path = modules[`${resource['apiVersion']}/${kind}`]
  if (path === undefined) throw new Error(`no schema of ${resource['apiVersion']}/${kind}`)
  const Kind = (require(path) as Record<string, new (data: unknown) => Model>)[kind]
  if (Kind === undefined) throw new Error(`no model in ${path}`)
  new Kind(resource).validate()
}
