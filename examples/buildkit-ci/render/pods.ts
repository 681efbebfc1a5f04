/** What the pods of all parts have in common. */
import type { V1PodSpec, V1ResourceRequirements, V1SecurityContext, V1Toleration } from '@kubernetes/client-node'
import type { CiConfig } from '../config/ci-schema.js'

/** For nodes that are set up by hand: a node that has an image does not ask a registry for it. */
export const pulled = { imagePullPolicy: 'IfNotPresent' } as const

/** The restricted Pod Security level, of a container. */
export const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
  seccompProfile: { type: 'RuntimeDefault' },
} as const satisfies V1SecurityContext

/** The same, of a container that runs as this user. */
export function restrictedAs(user: number): V1SecurityContext {
  return { ...restricted, runAsNonRoot: true, runAsUser: user, runAsGroup: user }
}

type Common = Pick<V1PodSpec, 'imagePullSecrets' | 'automountServiceAccountToken' | 'enableServiceLinks'>

/** No token, unless a part asks the API server; and no variables of all Services of the namespace. */
export function commonPodFields({ images }: CiConfig, { hasToken = false } = {}): Common {
  const { pullSecrets } = images
  return {
    automountServiceAccountToken: hasToken,
    enableServiceLinks: false,
    ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets.map((name) => ({ name })) }),
  }
}

/** Nodes, where they are chosen. */
export function placementOf(
  where: Pick<CiConfig['daemon'], 'nodeSelector' | 'tolerations'>,
): Pick<V1PodSpec, 'nodeSelector' | 'tolerations'> {
  return {
    ...(Object.keys(where.nodeSelector).length === 0 ? {} : { nodeSelector: where.nodeSelector }),
    ...(where.tolerations.length === 0 ? {} : { tolerations: where.tolerations as V1Toleration[] }),
  }
}

/** Of a container that does little: limits as Kata needs them for the size of its machine. */
export function smallResources(cpu: string, memory: string, storage = '64Mi'): V1ResourceRequirements {
  return {
    requests: { cpu, memory, 'ephemeral-storage': storage },
    limits: { cpu: '1', memory, 'ephemeral-storage': storage },
  }
}

/**
 * The cluster autoscaler ends a pod after `--max-graceful-termination-sec` (10 minutes), whatever its grace is: a daemon or
 * an agent in the middle of a build is not what it may take away.
 */
export const notForAutoscaler = { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' } as const
