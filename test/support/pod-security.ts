import type { V1Container, V1PodSpec } from '@kubernetes/client-node'

/**
 * What the Pod Security level `restricted` refuses in a pod (kubernetes.io/docs/concepts/security/pod-security-standards),
 * as far as a pod can have it that sets no container-level exceptions in its own security context.
 */
export function refusedByRestricted({ initContainers = [], containers, volumes = [], ...pod }: V1PodSpec): string[] {
  const kinds = new Set([
    'name',
    'configMap',
    'emptyDir',
    'secret',
    'projected',
    'downwardAPI',
    'persistentVolumeClaim',
  ])
  return [
    ...(['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((key) => pod[key] === true),
    ...volumes.flatMap((volume) => Object.keys(volume).filter((key) => !kinds.has(key))),
    ...[...initContainers, ...containers].flatMap(refusedInContainer),
  ]
}

function refusedInContainer({ name, securityContext = {}, ports = [] }: V1Container): string[] {
  const { capabilities, runAsNonRoot, runAsUser, seccompProfile, privileged, allowPrivilegeEscalation } =
    securityContext
  const added = (capabilities?.add ?? []).filter((each) => each !== 'NET_BIND_SERVICE')
  const wrong = {
    allowPrivilegeEscalation: allowPrivilegeEscalation !== false,
    capabilities: capabilities?.drop?.includes('ALL') !== true || added.length > 0,
    hostPort: ports.some(({ hostPort }) => hostPort !== undefined),
    privileged: privileged === true,
    runAsNonRoot: runAsNonRoot !== true,
    runAsUser: runAsUser === 0,
    seccompProfile: !['RuntimeDefault', 'Localhost'].includes(seccompProfile?.type ?? ''),
  }
  return Object.entries(wrong).flatMap(([field, isWrong]) => (isWrong ? [`${name}: ${field}`] : []))
}
