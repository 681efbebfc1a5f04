import type { V1PolicyRule, V1Role, V1RoleBinding, V1ServiceAccount } from '@kubernetes/client-node'
import type { CiConfig } from '../../config/ci-schema.js'
import type { Manifest } from '../manifest.js'
import { agentName, metadataOf } from '../names.js'

/** What `kubectl` calls to run tests as Jobs of the agents' namespace: docs/tests-without-docker.md. */
const jobRules: V1PolicyRule[] = [
  { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'get', 'list', 'watch', 'patch', 'delete'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
  { apiGroups: [''], resources: ['events'], verbs: ['list'] },
]

/** A service account of its own, with rights only where agents run tests as Jobs. All other pods have no token at all. */
export function agentAccess({ agentNamespace: namespace }: CiConfig, agent: string, hasJobs: boolean): Manifest[] {
  const name = agentName(agent)
  const metadata = metadataOf({ name, namespace, component: 'agent' })
  const account: V1ServiceAccount & Manifest = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata,
    automountServiceAccountToken: false,
  }
  if (!hasJobs) return [account]
  const group = 'rbac.authorization.k8s.io'
  const role: V1Role & Manifest = { apiVersion: `${group}/v1`, kind: 'Role', metadata, rules: jobRules }
  const binding: V1RoleBinding & Manifest = {
    apiVersion: `${group}/v1`,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: group, kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  }
  return [account, role, binding]
}
