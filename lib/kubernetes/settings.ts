import { invalid } from '../errors.js'
import { isFields } from './shape.js'
import type { Check } from './types.js'

export const checkNames = ['startup', 'liveness', 'readiness'] as const satisfies readonly Check[]

/** Timing of a probe, with the API's names: whole seconds, and counts of probes. */
export interface ProbeSettings {
  /** Before the first probe. A startup probe is better: it needs no guess. At least 0. */
  initialDelaySeconds?: number | undefined
  /** At least 1: the kubelet has no shorter period (enhancements#3066). */
  periodSeconds?: number | undefined
  /** At least 1. Counted from when the runtime has started the program. */
  timeoutSeconds?: number | undefined
  /** So many failures in a row are one. At least 1; 2 or more forgive one bad moment of the node. */
  failureThreshold?: number | undefined
}

export interface RestartingProbeSettings extends ProbeSettings {
  /** Must be 1 for startup and liveness, says the API. */
  successThreshold?: 1 | undefined
  /**
   * How long after SIGTERM comes SIGKILL, if this probe is why; in place of the pod's. A stalled process answers no
   * SIGTERM, so waiting the pod's 30 s is lost. At least 1.
   */
  terminationGracePeriodSeconds?: number | undefined
}

export interface ReadinessProbeSettings extends ProbeSettings {
  /** So many passes in a row put the pod back into service. At least 1. */
  successThreshold?: number | undefined
  /** The API has none on readiness, which restarts nothing. */
  terminationGracePeriodSeconds?: never
}

/** A stalled process answers no SIGTERM; 5 s leave a live one time to end by itself, and the guard time for a core dump. */
const terminationGracePeriodSeconds = 5
const everySecondTwice = { periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 2 }
/** A restart costs more than a second more of stall, and on a starved node two slow execs in a row do happen. */
const everySecondThrice = { ...everySecondTwice, failureThreshold: 3 }
const every5sThrice = { ...everySecondThrice, periodSeconds: 5 }

/** The timing that a check has if nothing else is said. Whole seconds. */
export function defaultSettings(check: Check, guard: boolean): RestartingProbeSettings {
  switch (check) {
    case 'startup':
      return { periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 12, terminationGracePeriodSeconds }
    case 'liveness':
      return { ...(guard ? every5sThrice : everySecondThrice), terminationGracePeriodSeconds }
    case 'readiness':
      return everySecondTwice
  }
}

const leastOf: Record<string, number> = {
  initialDelaySeconds: 0,
  periodSeconds: 1,
  timeoutSeconds: 1,
  failureThreshold: 1,
  successThreshold: 1,
  terminationGracePeriodSeconds: 1,
}

/** Settings over defaults, each checked as the API server's validation does (`validateProbe`). */
export function mergedSettings<Settings extends object>(check: Check, defaults: Settings, settings: unknown): Settings {
  if (settings !== undefined && !isFields(settings)) throw invalid(check, 'settings or false', settings)
  const given = Object.entries(settings ?? {}).filter(([, value]) => value !== undefined)
  for (const [name, value] of given) {
    const least = Object.hasOwn(leastOf, name) ? leastOf[name] : undefined
    if (least === undefined) throw invalid(check, `settings of ${Object.keys(leastOf).join(', ')}`, name)
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > 2 ** 31 - 1) {
      throw invalid(`${check}.${name}`, `a whole number of at least ${least}`, value)
    }
    if (name === 'successThreshold' && check !== 'readiness' && value !== 1) {
      throw invalid(`${check}.${name}`, '1, the only value that the API server admits', value)
    }
    if (name === 'terminationGracePeriodSeconds' && check === 'readiness') {
      throw invalid(`${check}.${name}`, 'no value: readiness ends nothing, and the API server refuses it', value)
    }
  }
  return { ...defaults, ...Object.fromEntries(given) }
}
