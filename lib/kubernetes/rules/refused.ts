/** Rules on what the API server refuses. */
import type { Check, Path, Probe } from '../types.js'
import { type Observation, type Pod, probesOf, type Rule } from './rule.js'

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
    'enhancements#3066), successThreshold is 1 but for readiness, which ends nothing, and a probe asks in one way.',
  remedy:
    'Write whole seconds, and one of exec, httpGet, tcpSocket and grpc; for a faster reaction than 1 s use the guard.',
  check: (pod) =>
    probesOf(pod, 'startup', 'liveness', 'readiness').flatMap(({ member, check, probe, path }) =>
      [...refusedHandlers(pod, probe), ...refusedFields(check, probe)].map(
        ([at, message]): Observation => ({ path: [...path, ...at], container: member.name, message }),
      ),
    ),
}

/** Where in a probe, and what is wrong there. */
type Refused = [at: Path, message: string]

/** Kinds of Knative: it fills in who is asked. */
const complemented = new Set(['Service', 'Configuration', 'Revision'])

function refusedHandlers({ kind }: Pod, probe: Probe): Refused[] {
  const names = ['exec', 'httpGet', 'tcpSocket', 'grpc'] as const
  const handlers = names.filter((name) => probe[name] != null)
  if (handlers.length > 1) return [[[handlers[1] as string], `it has ${handlers.join(' and ')}`]]
  return handlers.length === 1 || complemented.has(kind) ? [] : [[[], `it has none of ${names.join(', ')}`]]
}

function refusedFields(check: Check, probe: Probe): Refused[] {
  const odd = wholeSeconds
    .filter(([field, least]) => {
      const value = probe[field]
      if (value == null) return false
      // 0 is "not given" to the API, which then has its default; but a grace has none.
      if (value === 0 && field !== 'terminationGracePeriodSeconds') return false
      return !Number.isInteger(value) || value < least
    })
    .map(
      ([field, least]): Refused => [
        [field],
        `${field} is ${JSON.stringify(probe[field])}, no whole number of at least ${least}`,
      ],
    )
  const { successThreshold = 1, terminationGracePeriodSeconds } = probe
  if (check !== 'readiness' && successThreshold > 1)
    odd.push([['successThreshold'], `successThreshold of ${check} is not 1`])
  if (check === 'readiness' && terminationGracePeriodSeconds != null) {
    odd.push([['terminationGracePeriodSeconds'], 'readiness has no terminationGracePeriodSeconds'])
  }
  return odd
}
