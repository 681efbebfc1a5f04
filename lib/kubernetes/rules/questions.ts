/** Rules on which question a probe asks. */
import { firstPort } from '../conventions.js'
import { httpPaths } from '../probes.js'
import { checkNames } from '../settings.js'
import type { Check, Path } from '../types.js'
import { argvOf, isReference, told, valuesOf } from './programs.js'
import { listenerOf, requestsOf } from './requests.js'
import { isOurs, type Observation, type Pod, probesOf, type Rule, type Severity } from './rule.js'

/** What is wrong with another question than the probe's own. */
const effects: Partial<Record<`${Check} asks ${Check}`, [severity: Severity, effect: string]>> = {
  'liveness asks readiness': ['error', 'a container that is only not ready is killed'],
  'liveness asks startup': ['warning', 'a worker that is started again in place is given no time to start'],
  'startup asks liveness': ['warning', 'it passes before the worker has started, so it holds back nothing'],
  'readiness asks startup': ['warning', 'a worker that says it is not ready stays in service'],
}

export const otherQuestion: Rule = {
  id: 'other-question',
  severity: 'error',
  reason:
    'Each probe has a question of its own: a liveness probe that asks for readiness kills what is only not ready, and a ' +
    'startup probe that asks for liveness passes at once.',
  remedy: 'Ask by --check startup, liveness and readiness, or by /startupz, /livez and /readyz, each in its own probe.',
  check: (pod) => [...askedByExec(pod), ...askedByHttp(pod)],
}

function askedByExec(pod: Pod): Observation[] {
  return probesOf(pod, ...checkNames)
    .filter(({ probe }) => isOurs(probe))
    .flatMap(({ member, check, probe, path }) => {
      const argv = argvOf(probe)
      const idle = ['version', 'help', 'self-test', 'install'].find((flag) => valuesOf(argv, flag).length > 0)
      if (idle !== undefined) {
        return [{ path, container: member.name, message: `shm-probe --${idle} asks about no worker` }]
      }
      const [flag] = valuesOf(argv, 'check')
      if (flag !== undefined && isReference(flag)) return []
      return observe(check, told(member.container, argv, 'check') ?? 'liveness', member.name, path)
    })
}

function askedByHttp(pod: Pod): Observation[] {
  return (
    requestsOf(pod, ...checkNames)
      // At its own port a guard may be hidden in the image.
      .filter((request) => request.port === firstPort || listenerOf(pod, request) !== undefined)
      .flatMap(({ member, check, target, path }) => {
        const asked = checkNames.find((each) => httpPaths[each] === target)
        return asked === undefined ? [] : observe(check, asked, member.name, path)
      })
  )
}

function observe(check: Check, asked: string, container: string, path: Path): Observation[] {
  const [severity, effect] = effects[`${check} asks ${asked as Check}`] ?? []
  return effect === undefined ? [] : [{ path, container, severity, message: `${check} asks for ${asked}: ${effect}` }]
}
