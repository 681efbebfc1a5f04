import type { WireOptions } from 'shm-liveness/kubernetes'

/** What is left of the pod's grace for the guard's record, and for the kubelet to see it. */
const recordMs = 5000
const periodSeconds = 10

/** How long the guard leaves a command that it ends: most of the pod's grace, so that the record comes before SIGKILL. */
export function guardGraceMs(terminationGracePeriodMs: number): number {
  return terminationGracePeriodMs - recordMs
}

/**
 * The probes of the build container. The guard reacts to a stall; the kubelet's liveness watches over the guard, and
 * must not act while the guard is still ending what stalled: the last failure that it waits for comes after the grace.
 * An exec takes half a second under Kata, and more on a node full of builds: nothing is asked often, and nothing quickly.
 * `wire` leaves readiness out of pods that run to completion; here it is how a reader of the pod sees a step that is ready.
 */
export function probeSettings(graceMs: number): Pick<WireOptions, 'startup' | 'liveness' | 'readiness'> {
  const exec = { periodSeconds, timeoutSeconds: 5 }
  const failureThreshold = Math.max(3, Math.floor(graceMs / 1000 / periodSeconds) + 2)
  return {
    startup: { periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 12 },
    liveness: { ...exec, failureThreshold },
    readiness: { ...exec, failureThreshold: 2 },
  }
}
