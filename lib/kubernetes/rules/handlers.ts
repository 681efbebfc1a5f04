/** Rules on what a probe runs or asks, and on what the API server admits. */
import { parseDuration } from '../../duration.js'
import { variableOf } from '../conventions.js'
import { guardedCommand } from '../guard.js'
import { baseName, isSame, textOf } from '../shape.js'
import type { Check, Probe } from '../types.js'
import { isOurs, type Observation, probeOf, probePath, probesOf, type Rule } from './rule.js'

function handlerOf({ exec, httpGet, tcpSocket, grpc }: Probe): object {
  return { exec, httpGet, tcpSocket, grpc }
}

export const identicalProbes: Rule = {
  id: 'identical-probes',
  severity: 'warning',
  reason: 'Liveness and readiness are two questions; if both ask the same, a pod that is only busy is restarted.',
  remedy: 'Ask readiness by --check readiness (or /readyz), and let liveness ask only whether the loop comes round.',
  check: (pod) =>
    probesOf(pod, 'liveness').flatMap(({ member, probe }) => {
      const readiness = probeOf(member.container, 'readiness')
      if (readiness === undefined || !isSame(handlerOf(probe), handlerOf(readiness))) return []
      const message = 'readiness asks exactly what liveness asks'
      return [{ path: probePath(member, 'readiness'), container: member.name, message }]
    }),
}

const readsFiles = new Set(['cat', 'test', '[', 'find', 'stat', 'ls', 'grep', 'rm', 'touch'])
const shells = new Set(['sh', 'bash', 'ash', 'dash', 'busybox', 'zsh'])

export const fileProbe: Rule = {
  id: 'file-probe',
  severity: 'warning',
  reason:
    'A file that a loop touches is I/O on every cycle, and one that exists says nothing of now; cat takes five ' +
    'times as long as shm-probe, and a scratch image has none.',
  remedy: 'Stamp beats into shared memory, and exec shm-probe.',
  check: (pod) =>
    probesOf(pod, 'startup', 'liveness', 'readiness').flatMap(({ member, probe, path }) => {
      const program = baseName(textOf(probe.exec?.command?.[0]) ?? '')
      if (!readsFiles.has(program) && !shells.has(program)) return []
      const what = shells.has(program) ? `a shell (${program})` : `${program}, which reads files`
      return [{ path, container: member.name, message: `it runs ${what}` }]
    }),
}

export const terminationLog: Rule = {
  id: 'termination-log',
  severity: 'note',
  reason:
    'The event of a restart says only "Stopping container", and events are rate-limited; what the probe writes to the ' +
    'termination log survives, as the last termination message.',
  remedy: 'Add --termination-log to the command of liveness and startup.',
  check: (pod) =>
    probesOf(pod, 'startup', 'liveness').flatMap(({ member, probe, path }) => {
      if (!isOurs(probe) || guardedCommand(member.container) !== undefined) return []
      const isOn = probe.exec?.command.some((argument) => /^--termination-log(=|$)/.test(argument)) === true
      if (isOn || variableOf(member.container, 'SHM_LIVENESS_TERMINATION_LOG') !== undefined) return []
      return [{ path, container: member.name, message: 'why it restarts the container is recorded nowhere' }]
    }),
}

const wholeSeconds = [
  ['initialDelaySeconds', 0],
  ['periodSeconds', 1],
  ['timeoutSeconds', 1],
  ['failureThreshold', 1],
  ['successThreshold', 1],
  ['terminationGracePeriodSeconds', 1],
] as const

export const invalidProbe: Rule = {
  id: 'invalid-probe',
  severity: 'error',
  reason:
    'The API server refuses it: seconds and thresholds are whole numbers of at least 1 (sub-second probes never landed: ' +
    'enhancements#3066), successThreshold is 1 but for readiness, and readiness ends nothing.',
  remedy: 'Write whole seconds; for a faster reaction than 1 s use the guard.',
  check: (pod) =>
    probesOf(pod, 'startup', 'liveness', 'readiness').flatMap(({ member, check, probe, path }) =>
      refusedFields(check, probe).map(
        ([field, message]): Observation => ({ path: [...path, field], container: member.name, message }),
      ),
    ),
}

function refusedFields(check: Check, probe: Probe): [string, string][] {
  // 0 is "not given" to the API, which then has its default.
  const odd = wholeSeconds
    .filter(([field, least]) => {
      const value = probe[field]
      return value != null && value !== 0 && (!Number.isInteger(value) || value < least)
    })
    .map(([field, least]): [string, string] => [
      field,
      `${field} is ${probe[field]}, no whole number of at least ${least}`,
    ])
  const { successThreshold = 1, terminationGracePeriodSeconds } = probe
  if (check !== 'readiness' && successThreshold > 1)
    odd.push(['successThreshold', `successThreshold of ${check} is not 1`])
  if (check === 'readiness' && terminationGracePeriodSeconds != null) {
    odd.push(['terminationGracePeriodSeconds', 'readiness has no terminationGracePeriodSeconds'])
  }
  return odd
}

/** Variables of the programs that hold a duration. */
const durations = [
  'MAX_AGE',
  'STARTUP_GRACE',
  'DEAD_GRACE',
  'CYCLE_WINDOW',
  'CONFIRM',
  'INTERVAL',
  'GRACE',
  'RESTART_BUDGET',
]

export const unreadableDuration: Rule = {
  id: 'unreadable-duration',
  severity: 'error',
  reason: 'The programs refuse a variable they cannot read with exit 2, so every probe fails.',
  remedy: 'Write a number with its unit: 250ms, 1.5s, 1m30s.',
  check: (pod) =>
    pod.members.flatMap((member) =>
      durations.flatMap((name) => {
        const value = variableOf(member.container, `SHM_LIVENESS_${name}`)
        if (value === undefined || parseDuration(value) !== undefined) return []
        const message = `SHM_LIVENESS_${name} is "${value}", no duration`
        return [{ path: [...member.path, 'env'], container: member.name, message }]
      }),
    ),
}
