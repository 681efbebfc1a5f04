/** Rules on how often is asked, and how fast is acted. */
import { parseDuration } from '../../duration.js'
import { defaultGuardGrace, timeoutReserveSeconds } from '../budget.js'
import { isOpen, told } from './programs.js'
import {
  answererOf,
  isOurs,
  type Member,
  type Observation,
  probeOf,
  probePath,
  probesOf,
  type Rule,
  timingOf,
} from './rule.js'

/** A start that takes as long is slow: liveness probes have usually acted by then. */
const slowStartSeconds = 10
/** shm-probe's own default of `--startup-grace`. */
const defaultGraceSeconds = 60
/** More execs a second than a container needs for liveness and readiness. */
const cheapExecsPerSecond = 2
const nodeCpuMsPerExec = 47

function seconds(duration: string | undefined): number | undefined {
  const ns = duration === undefined ? undefined : parseDuration(duration)
  return ns === undefined ? undefined : ns / 1e9
}

function observe(member: Member, check: 'startup' | 'liveness' | 'readiness', message: string): Observation {
  return { path: probePath(member, check), container: member.name, message }
}

export const noStartupProbe: Rule = {
  id: 'no-startup-probe',
  severity: 'warning',
  reason: 'Liveness waits for the startup probe; without one, a slow start is a stall, and is killed for ever again.',
  remedy: 'Add a startupProbe with room for the slowest start, in place of initialDelaySeconds.',
  check: (pod) =>
    probesOf(pod, 'liveness').flatMap(({ member, probe }) => {
      if (probeOf(member.container, 'startup') !== undefined) return []
      const grace = seconds(told(member.container, answererOf(member, probe), 'startup-grace')) ?? 0
      const delay = probe.initialDelaySeconds ?? 0
      if (delay < slowStartSeconds && grace <= defaultGraceSeconds) return []
      const sign = delay < slowStartSeconds ? `a startup grace of ${grace} s` : `initialDelaySeconds ${delay}`
      return [observe(member, 'liveness', `a slow start (${sign}) and no startupProbe`)]
    }),
}

export const startupPeriod: Rule = {
  id: 'startup-period',
  severity: 'warning',
  reason:
    'Each failure of a startup probe is an event, and a pod has 25, then one in five minutes: 45 s of failures every ' +
    'second used up all of them in a measured run, and hid the later reasons.',
  remedy: 'Set periodSeconds of the startupProbe to 5 or more, and failureThreshold for the time to start in.',
  check: (pod) =>
    probesOf(pod, 'startup')
      .filter(({ probe }) => timingOf(probe).period < 5)
      .map(({ member, probe }) => observe(member, 'startup', `startup is asked every ${timingOf(probe).period} s`)),
}

export const livenessBeforeReadiness: Rule = {
  id: 'liveness-before-readiness',
  severity: 'warning',
  reason: 'A container is killed while the pod still gets traffic, if liveness acts before readiness does.',
  remedy:
    'Let readiness act no later: periodSeconds × failureThreshold at most those of liveness, and no longer --max-age.',
  check: (pod) =>
    probesOf(pod, 'liveness').flatMap(({ member, probe }) => {
      const readiness = probeOf(member.container, 'readiness')
      if (readiness === undefined) return []
      const [kills, removes] = [timingOf(probe).reaction, timingOf(readiness).reaction]
      if (kills < removes) {
        return [observe(member, 'liveness', `liveness acts after ${kills} s, readiness only after ${removes} s`)]
      }
      if (!isOurs(probe) || !isOurs(readiness)) return []
      const [alive, ready] = [probe, readiness].map((each) =>
        seconds(told(member.container, answererOf(member, each), 'max-age')),
      )
      // Without one it is the worker's own, which cannot be read here.
      if (alive === undefined || ready === undefined || alive >= ready) return []
      return [observe(member, 'liveness', `liveness has a max age of ${alive} s, readiness one of ${ready} s`)]
    }),
}

export const execTimeout: Rule = {
  id: 'exec-timeout',
  severity: 'warning',
  reason:
    "The runtime's exec takes 0.1 s, 0.5 s under Kata, longer on a busy node, and a stall is confirmed for up to 0.3 s " +
    "more, or for one of the worker's cycles. A timeout is a failure, and loses what the probe said.",
  remedy: 'Set timeoutSeconds of exec probes to 2 or more (the default is 1).',
  check: (pod) =>
    probesOf(pod, 'startup', 'liveness', 'readiness')
      .filter(({ probe }) => probe.exec != null && timingOf(probe).timeout < 2)
      .map(({ member, check, probe }) => observe(member, check, `an exec with ${timingOf(probe).timeout} s of time`)),
}

export const confirmTimeout: Rule = {
  id: 'confirm-timeout',
  severity: 'warning',
  reason:
    'Before it says stalled, shm-probe waits for one new beat, but not beyond its --timeout less 0.2 s. If the kubelet ' +
    'gives up first, the reason is lost; if a cycle takes longer, a worker that was frozen for a moment is called stalled.',
  remedy: 'Set --timeout to the timeoutSeconds, and timeoutSeconds 0.2 s above --confirm and the longest usual cycle.',
  check: (pod) =>
    probesOf(pod, 'startup', 'liveness', 'readiness').flatMap(({ member, check, probe }) => {
      if (probe.exec == null || !isOurs(probe)) return []
      const say = (flag: string) => seconds(told(member.container, answererOf(member, probe), flag))
      const { timeout } = timingOf(probe)
      const [given, confirm, maxAge] = [say('timeout'), say('confirm'), say('max-age')]
      if (given !== undefined && given > timeout) {
        return [
          observe(member, check, `shm-probe has a --timeout of ${given} s, the kubelet gives up after ${timeout} s`),
        ]
      }
      const room = timeout - timeoutReserveSeconds
      if (confirm !== undefined && confirm > room) {
        return [observe(member, check, `a stall is confirmed for ${confirm} s of a timeout of ${timeout} s`)]
      }
      if (maxAge === undefined || maxAge <= room) return []
      const message = `cycles may take ${maxAge} s (--max-age), and a new beat is awaited for ${room.toFixed(1)} s only`
      return [{ ...observe(member, check, message), severity: 'note' as const }]
    }),
}

export const failureThreshold: Rule = {
  id: 'failure-threshold',
  severity: 'warning',
  reason: 'One late exec on a busy node, or one moment after a thaw, restarts a healthy container.',
  remedy: 'Set failureThreshold to 2 or more.',
  check: (pod) =>
    probesOf(pod, 'startup', 'liveness')
      .filter(({ probe }) => timingOf(probe).failures < 2)
      .map(({ member, check }) => observe(member, check, `one failure of ${check} restarts the container`)),
}

export const terminationGrace: Rule = {
  id: 'termination-grace',
  severity: 'warning',
  reason: 'A stalled process answers no SIGTERM: its restart waits for SIGKILL, after 30 s if nothing else is said.',
  remedy: 'Set terminationGracePeriodSeconds in the livenessProbe (5, say), or in the pod.',
  check: (pod) =>
    probesOf(pod, 'liveness')
      // It takes none, neither in probes nor in the pod.
      .filter(() => pod.platform !== 'knative')
      .filter(({ probe }) => (probe.terminationGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds) == null)
      .map(({ member }) =>
        observe(member, 'liveness', 'no terminationGracePeriodSeconds, so SIGKILL comes after 30 s'),
      ),
}

export const guardGrace: Rule = {
  id: 'guard-grace',
  severity: 'warning',
  reason: "The kubelet's probes fail while the guard ends a stalled program, and kill the container before it has.",
  remedy: "Lower the guard's --grace, or raise liveness' periodSeconds × (failureThreshold - 1) to it or above.",
  check: (pod) =>
    probesOf(pod, 'liveness').flatMap(({ member, probe }) => {
      const { container, guard, isGuarded } = member
      if (!isGuarded || guard === undefined || isOpen(container, guard.flags, 'grace')) return []
      const grace = seconds(told(container, guard.flags, 'grace') ?? defaultGuardGrace) ?? 0
      // The first failure may come with the stall itself, so there is one period less until the last.
      const { period, failures } = timingOf(probe)
      const earliest = period * (failures - 1)
      return grace > earliest
        ? [observe(member, 'liveness', `the guard's grace is ${grace} s, the kubelet may act after ${earliest} s`)]
        : []
    }),
}

export const startupBeforeGrace: Rule = {
  id: 'startup-before-grace',
  severity: 'warning',
  reason: 'The worker was given a grace to start in, but the startup probe gives up before it ends.',
  remedy: 'Raise failureThreshold of the startupProbe until periodSeconds × failureThreshold is the grace.',
  check: (pod) =>
    probesOf(pod, 'startup').flatMap(({ member, probe }) => {
      const grace = seconds(told(member.container, answererOf(member, probe), 'startup-grace')) ?? 0
      const { reaction } = timingOf(probe)
      const given = reaction + (probe.initialDelaySeconds ?? 0)
      return grace > given
        ? [observe(member, 'startup', `the startup grace is ${grace} s, the startup probe gives up after ${given} s`)]
        : []
    }),
}

export const execCost: Rule = {
  id: 'exec-cost',
  severity: 'note',
  reason: `One exec costs the node about ${nodeCpuMsPerExec} ms of CPU whatever it runs (an httpGet 1 ms), partly on the container's own.`,
  remedy: 'Ask by httpGet through the guard (wire --via httpGet), or less often.',
  check: (pod) => {
    const execs = probesOf(pod, 'liveness', 'readiness').filter(({ probe }) => probe.exec != null)
    const perSecond = execs.reduce((sum, { probe }) => sum + 1 / timingOf(probe).period, 0)
    if (perSecond <= cheapExecsPerSecond) return []
    const message = `${perSecond.toFixed(1)} execs a second take about ${Math.round(perSecond * nodeCpuMsPerExec)} ms of CPU each second`
    return [{ path: ['containers'], message }]
  },
}
