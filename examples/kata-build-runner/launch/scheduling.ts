import type { V1NodeAffinity, V1NodeSelectorRequirement, V1PodSpec, V1Toleration } from '@kubernetes/client-node'
import type { KubernetesOptions } from '../config/executor-config.js'

/** The most that a preference can weigh; executor-k8s has one preference, of this weight. */
const preferredWeight = 100

/**
 * Where the pod may run, as executor-k8s has it: each of `nodeSelectors` is both a label that the node must have and a
 * taint that the pod tolerates, so that nodes for builds keep others away; `preferredNodeSelectors` are only preferred.
 */
export function schedulingOf(options: KubernetesOptions): Pick<V1PodSpec, 'affinity' | 'tolerations'> {
  const tolerations = Object.entries(options.nodeSelectors).map(
    ([key, value]): V1Toleration => ({ key, operator: 'Equal', value, effect: 'NoSchedule' }),
  )
  const nodeAffinity = affinityOf(requirementsOf(options.nodeSelectors), requirementsOf(options.preferredNodeSelectors))
  return {
    ...(Object.keys(nodeAffinity).length === 0 ? {} : { affinity: { nodeAffinity } }),
    ...(tolerations.length === 0 ? {} : { tolerations }),
  }
}

function affinityOf(required: V1NodeSelectorRequirement[], preferred: V1NodeSelectorRequirement[]): V1NodeAffinity {
  return {
    ...(required.length > 0 && {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: required }] },
    }),
    ...(preferred.length > 0 && {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: preferredWeight, preference: { matchExpressions: preferred } },
      ],
    }),
  }
}

function requirementsOf(labels: Record<string, string>): V1NodeSelectorRequirement[] {
  return Object.entries(labels).map(([key, value]) => ({ key, operator: 'In', values: [value] }))
}
