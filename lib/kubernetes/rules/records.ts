/** Rules on the record of why a container was restarted. */
import { kubeletTerminationLog } from '../conventions.js'
import { argvOf, isOpen, terminationLogOf, terminationPathOf } from './programs.js'
import { isOurs, probesOf, programsOf, type Rule } from './rule.js'

export const terminationLog: Rule = {
  id: 'termination-log',
  severity: 'note',
  reason:
    'The event of a restart says only "Stopping container", and events are rate-limited; what the probe writes to the ' +
    'termination log survives, as the last termination message.',
  remedy: 'Add --termination-log to the command of liveness and startup.',
  check: (pod) =>
    probesOf(pod, 'startup', 'liveness').flatMap(({ member, probe, path }) => {
      // The guard writes one of its own accord.
      if (!isOurs(probe) || member.guard !== undefined) return []
      const argv = argvOf(probe)
      if (isOpen(member.container, argv, 'termination-log')) return []
      if (terminationLogOf(member.container, argv) !== undefined) return []
      return [{ path, container: member.name, message: 'why it restarts the container is recorded nowhere' }]
    }),
}

export const terminationLogPath: Rule = {
  id: 'termination-log-path',
  severity: 'warning',
  reason:
    'The kubelet reads the file of terminationMessagePath alone: a reason that is written to another one is lost.',
  remedy:
    "Write --termination-log=PATH with the container's terminationMessagePath, or leave that out of the container.",
  check: (pod) =>
    pod.members.flatMap((member) => {
      const { container, name } = member
      const read = terminationPathOf(container)
      return programsOf(member).flatMap(({ argv, path, check }) => {
        // A probe of readiness writes none, nor does anybody miss that of a sidecar.
        if (check === 'readiness' || (check === 'guard' && !member.isGuarded)) return []
        if (isOpen(container, argv, 'termination-log')) return []
        const written = terminationLogOf(container, argv) ?? (check === 'guard' ? kubeletTerminationLog : read)
        return written === read
          ? []
          : [{ path, container: name, message: `it writes ${written}, and the kubelet reads ${read}` }]
      })
    }),
}
