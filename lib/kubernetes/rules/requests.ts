/** Rules on probes by HTTP: whose guard answers them, if any. */
import { firstPort } from '../conventions.js'
import { guardSetting } from '../guard.js'
import { httpPaths } from '../probes.js'
import { fieldOf, isFields, textOf } from '../shape.js'
import type { Check, Path } from '../types.js'
import { declares, portNumber } from './ports.js'
import { isOpen, mayHideGuard } from './programs.js'
import { type Member, type Observation, type Pod, probesOf, type Rule } from './rule.js'

export interface Request {
  member: Member
  check: Check
  path: Path
  /** The path that is asked for, without a query. */
  target: string
  /** A number; undefined for a name that the container does not declare. */
  port: number | undefined
  /** As it is written. */
  portText: string
  isHttps: boolean
}

/** Each request that goes to the pod itself. */
export function requestsOf(pod: Pod, ...checks: Check[]): Request[] {
  return probesOf(pod, ...checks).flatMap(({ member, check, probe, path }) => {
    const { httpGet } = probe
    if (!isFields(httpGet) || httpGet.host) return []
    const target = (textOf(httpGet.path) ?? '/').split('?')[0] as string
    const isHttps = fieldOf(httpGet, 'scheme') === 'HTTPS'
    const port = portNumber(member.container, httpGet.port)
    return [{ member, check, path, target, port, portText: String(httpGet.port), isHttps }]
  })
}

function observe({ member, path }: Request, message: string): Observation {
  return { path, container: member.name, message }
}

/** The container whose guard answers at a port: the asked one itself, if it can be. */
export function listenerOf(pod: Pod, { member, port }: Request): Member | undefined {
  if (port === undefined) return undefined
  return member.port === port ? member : pod.members.find((other) => other.port === port)
}

const questions = new Set<string>(Object.values(httpPaths))

export const sidecarLiveness: Rule = {
  id: 'sidecar-liveness',
  severity: 'error',
  reason: "Liveness restarts the container it belongs to: asking another's guard restarts the one that is well.",
  remedy: "Ask the container's own region or guard for liveness; a sidecar serves readiness and metrics.",
  check: (pod) =>
    requestsOf(pod, 'liveness', 'startup').flatMap((request) => {
      const { member, target } = request
      const listener = listenerOf(pod, request)
      if (listener === undefined) return []
      if (listener !== member)
        return [observe(request, `it asks port ${request.port}, the guard of "${listener.name}"`)]
      const answersForOthers = member.guard !== undefined && !member.isGuarded && questions.has(target)
      return answersForOthers ? [observe(request, 'it asks a sidecar that watches other containers')] : []
    }),
}

export const guardOnLoopback: Rule = {
  id: 'guard-on-loopback',
  severity: 'error',
  reason:
    "The kubelet asks at the pod's address, which a guard at 127.0.0.1 or [::1] does not hear: every probe fails, " +
    'however well the container is.',
  remedy: 'Let the guard listen at 0.0.0.0 or [::] (SHM_LIVENESS_LISTEN, or its flag --listen).',
  check: (pod) =>
    requestsOf(pod, 'startup', 'liveness', 'readiness').flatMap((request) => {
      const listener = listenerOf(pod, request)
      const address = listener === undefined ? '' : (guardSetting(listener.container, 'listen') ?? '')
      if (!/^(127\.|\[[0:]*:0*1\]:)/.test(address)) return []
      return [observe(request, `the guard that it asks listens at ${address}`)]
    }),
}

export const guardUnanswered: Rule = {
  id: 'guard-unanswered',
  severity: 'error',
  reason:
    'A probe at a port where no guard listens, or for what the guard has not, fails each time, however well the container ' +
    'is. It is a note where a guard may be hidden: in the ENTRYPOINT of an image, behind a wrapper, in a script.',
  remedy:
    'Ask /livez, /readyz or /startupz by HTTP at the port of SHM_LIVENESS_LISTEN (or --listen); a port at which the ' +
    'image itself listens belongs into ports.',
  check: (pod) =>
    requestsOf(pod, 'startup', 'liveness', 'readiness').flatMap((request) => {
      const listener = listenerOf(pod, request)
      return listener === undefined ? unheard(pod, request) : refused(request)
    }),
}

function refused(request: Request): Observation[] {
  const { target, isHttps } = request
  if (isHttps) return [observe(request, 'it asks by HTTPS, and the guard speaks HTTP')]
  if (questions.has(target) || target === '/metrics') return []
  return [observe(request, `it asks for ${target}, which the guard has not`)]
}

/** Only what can be seen: whoever asks our questions where we should be, of a pod that hides no listener. */
function unheard(pod: Pod, request: Request): Observation[] {
  const { member, check, target, port, portText } = request
  if (!questions.has(target)) return []
  if (port === undefined) {
    const isAboutUs = member.guard !== undefined || member.port !== undefined
    return isAboutUs ? [observe(request, `it asks the port "${portText}", which the container does not declare`)] : []
  }
  // At any other port it may be the program itself that answers, as for readiness it often does.
  const isOurs = port === firstPort
  if (!isOurs && (member.port === undefined || check === 'readiness')) return []
  const mayListen = ({ container, guard }: Member): boolean =>
    declares(container, port) || isOpen(container, guard?.flags ?? [], 'listen')
  if (pod.members.some(mayListen)) return []
  const elsewhere = member.port === undefined ? '' : ` (its own is at ${member.port})`
  if (!isOurs || pod.members.some(({ container }) => mayHideGuard(container))) {
    return [{ ...observe(request, `it asks port ${port}, where no guard can be seen${elsewhere}`), severity: 'note' }]
  }
  return [observe(request, `it asks port ${port}, where no guard listens${elsewhere}`)]
}
