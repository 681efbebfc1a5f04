/** Security contexts of services, for the Pod Security level of the namespace (kubernetes.io/docs/concepts/security/pod-security-standards). */
import type { V1SecurityContext } from '@kubernetes/client-node'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
import type { Service } from '../project.js'

export const podSecurityLevels = ['restricted', 'baseline'] as const
export type PodSecurityLevel = (typeof podSecurityLevels)[number]

/** A root file system that is read-only is not among what the level asks for: a test writes where it likes in its image. */
const restricted = {
  ...{ allowPrivilegeEscalation: false, runAsNonRoot: true },
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

/** Everything that `restricted` asks of a container; `baseline` asks for nothing. */
export function securityContextOf({ user }: Service, level: PodSecurityLevel): V1SecurityContext | undefined {
  const users = user === undefined ? undefined : usersOf(user)
  if (level === 'baseline') return users
  return { ...restricted, ...users }
}

/** @throws RunnerError `CONFIG_INVALID`, if the level refuses a user of the compose file */
export function expectUsers(services: readonly Service[], level: PodSecurityLevel): void {
  if (level === 'baseline') return
  const roots = services.filter(({ user }) => user !== undefined && usersOf(user).runAsUser === 0)
  if (roots.length === 0) return
  const names = roots.map(({ name }) => name).join(' and ')
  throw new RunnerError(
    'CONFIG_INVALID',
    `${names} run as root, which the Pod Security level restricted refuses`,
    'set user to a number above 0, or give --pod-security baseline for a namespace that admits root',
  )
}

/**
 * What is not known until the kubelet has the image, a line for each service: the kubelet compares `runAsNonRoot` with
 * the image's USER, and cannot do so with a name (`verifyRunAsNonRoot` in pkg/kubelet/kuberuntime/security_context_others.go).
 */
export function doubtsAbout(services: readonly Service[], level: PodSecurityLevel): string[] {
  if (level === 'baseline') return []
  return services
    .filter(({ user }) => user === undefined)
    .map(
      ({ name }) =>
        `service ${name} sets no user: its container does not start if the image's USER is root or a name; set user to a number above 0`,
    )
}

function usersOf(user: string): { runAsUser: number; runAsGroup?: number } {
  const [runAsUser, runAsGroup] = user.split(':').map(Number)
  return { runAsUser: runAsUser as number, ...(runAsGroup === undefined ? {} : { runAsGroup }) }
}
