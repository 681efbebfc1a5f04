import type { V1Namespace } from '@kubernetes/client-node'
import type { CiConfig } from '../../config/ci-schema.js'
import type { Manifest } from '../manifest.js'
import { labelsOf } from '../names.js'

export type PodSecurityLevel = 'privileged' | 'restricted'

export const enforceLabel = 'pod-security.kubernetes.io/enforce'

/**
 * The Pod Security level that each namespace needs: daemons of all three kinds need `privileged` (`daemon/security.ts`),
 * agents run other people's code and get `restricted`, unless they share the namespace.
 */
export function podSecurityLevels({ namespace, agentNamespace }: CiConfig): Map<string, PodSecurityLevel> {
  return new Map([
    [agentNamespace, 'restricted'],
    [namespace, 'privileged'],
  ])
}

export function namespaceManifests(config: CiConfig): Manifest[] {
  if (!config.createNamespaces) return []
  return [...podSecurityLevels(config)].map(([name, level]): V1Namespace & Manifest => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { ...labelsOf(name, 'access'), [enforceLabel]: level } },
  }))
}
