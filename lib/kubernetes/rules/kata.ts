/** Rules for pods that run in a virtual machine of their own (a runtimeClassName with "kata" in it). */
import { isInstaller } from '../installer.js'
import { fieldOf, isFields, objectsOf } from '../shape.js'
import type { Container, Path, PodSpec } from '../types.js'
import { type Observation, type Pod, type Rule, withPaths } from './rule.js'

/** All containers that the virtual machine must hold, but our own installer. */
function guests(pod: Pod): { container: Container; path: Path }[] {
  return [
    ...withPaths(pod.spec.initContainers, 'initContainers'),
    ...withPaths(pod.spec.containers, 'containers'),
  ].filter(({ container }) => !isInstaller(container))
}

function observations(pod: Pod, look: (container: Container) => [string, string][]): Observation[] {
  if (!pod.isKata) return []
  return guests(pod).flatMap(({ container, path }) =>
    look(container).map(([field, message]) => ({ path: [...path, field], container: container.name, message })),
  )
}

function amount(holder: Container | PodSpec, kind: 'requests' | 'limits', name: string): unknown {
  const resources = fieldOf(holder, 'resources')
  const amounts = isFields(resources) ? resources[kind] : undefined
  return isFields(amounts) ? amounts[name] : undefined
}

export const kataSubPath: Rule = {
  id: 'kata-subpath',
  severity: 'error',
  scope: 'pod',
  reason: 'Kata has no subPath: the mount fails, or shows the whole volume.',
  remedy: 'Mount the volume itself, or one volume for each path.',
  check: (pod) =>
    observations(pod, (container) =>
      objectsOf(container.volumeMounts)
        .filter(({ subPath, subPathExpr }) => subPath || subPathExpr)
        .map(({ mountPath, subPath, subPathExpr }) => [
          'volumeMounts',
          `subPath "${subPath || subPathExpr}" at ${mountPath}`,
        ]),
    ),
}

export const kataHostNetwork: Rule = {
  id: 'kata-host-network',
  severity: 'error',
  scope: 'pod',
  reason: "A virtual machine cannot join the node's network: the pod does not start, or has none.",
  remedy: 'Remove hostNetwork.',
  check: (pod) =>
    pod.isKata && pod.spec.hostNetwork === true ? [{ path: ['hostNetwork'], message: 'hostNetwork under Kata' }] : [],
}

export const kataLimits: Rule = {
  id: 'kata-limits',
  severity: 'warning',
  scope: 'pod',
  reason:
    "The virtual machine's size is the limits plus the runtime's overhead; without limits it has its small default.",
  remedy: 'Set limits of cpu and memory.',
  check: (pod) =>
    observations(pod, (container) => {
      // Limits of the pod as a whole will do.
      const missing = ['cpu', 'memory'].filter(
        (name) => amount(container, 'limits', name) == null && amount(pod.spec, 'limits', name) == null,
      )
      return missing.length === 0 ? [] : [['resources', `no limit of ${missing.join(' and ')}`]]
    }),
}

export const ephemeralStorage: Rule = {
  id: 'kata-ephemeral-storage',
  severity: 'warning',
  scope: 'pod',
  reason:
    'A pod that writes without a request is the first to be evicted when the node runs low ("Container node was using …, ' +
    'which exceeds its request of 0").',
  remedy: 'Set requests of ephemeral-storage to what builds and caches write.',
  check: (pod) =>
    observations(pod, (container) => {
      const asked =
        amount(container, 'requests', 'ephemeral-storage') ?? amount(container, 'limits', 'ephemeral-storage')
      return asked == null ? [['resources', 'no request of ephemeral-storage']] : []
    }),
}
