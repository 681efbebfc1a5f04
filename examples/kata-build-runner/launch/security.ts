import type { V1PodSecurityContext, V1SecurityContext } from '@kubernetes/client-node'
import type { BuildFile } from '../config/build-file.js'
import type { Executor } from '../config/executor-config.js'
import { RunnerError } from '../model/runner-error.js'

const seccompProfile = { type: 'RuntimeDefault' } as const

/**
 * The pod's: its volumes belong to the build's group, so that the build can read its steps and write its workspace.
 *
 * @throws RunnerError `BUILD_INVALID`, if the build wants to be root and the executor does not allow it
 */
export function podSecurity(build: BuildFile, { name, kubernetes }: Executor): V1PodSecurityContext {
  const { id, user } = build
  if (user === 0 && !kubernetes.allowRoot) {
    throw new RunnerError(
      'BUILD_INVALID',
      `build ${id}: its user is 0, and executor ${name} allows no root`,
      'name another user, or set kubernetes.allowRoot: true of the executor (in a Kata virtual machine, say)',
    )
  }
  return { runAsNonRoot: user !== 0, runAsUser: user, runAsGroup: user, fsGroup: user, seccompProfile }
}

/** The build container's: the restricted Pod Security level, unless the build is root or the executor is privileged. */
export function buildSecurity({ user }: BuildFile, { kubernetes }: Executor): V1SecurityContext {
  // Without allowPrivilegeEscalation: the API server refuses `false` beside `privileged` (ValidateSecurityContext).
  if (kubernetes.privileged) return { privileged: true }
  // A root without capabilities or setuid programs can install nothing: the default ones stay (the baseline level).
  if (user === 0) return { privileged: false }
  return { privileged: false, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
}
