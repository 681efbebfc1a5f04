/** A pod in which lint finds nothing, and variants of it. */
import { type Container, lint, type PodSpec } from 'shm-liveness/kubernetes'
import { container, frozen, podOf } from './manifests.js'

/** Runs a shm-probe that is in the image. */
export const exec = (...args: string[]) => ({ exec: { command: ['/usr/bin/shm-probe', ...args] } })
/** Probes without a fault, of executables that are in the image. */
export const startupProbe = { ...exec('--check', 'startup', '--termination-log'), periodSeconds: 5, timeoutSeconds: 2 }
export const livenessProbe = {
  ...exec('--termination-log'),
  ...{ periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2, terminationGracePeriodSeconds: 5 },
}
export const readinessProbe = {
  ...exec('--check', 'readiness'),
  periodSeconds: 2,
  timeoutSeconds: 2,
  failureThreshold: 2,
}

export function variables(of: Record<string, string>): NonNullable<Container['env']> {
  return Object.entries(of).map(([name, value]) => ({ name, value }))
}

export function watched(fields: Partial<Container> = {}): Container {
  return container({ startupProbe, livenessProbe, readinessProbe, env: regionOf('camera'), ...fields })
}

export const regionOf = (region: string) => variables({ SHM_LIVENESS_REGION: region })
export const one = (fields: Partial<Container>, spec: Partial<PodSpec> = {}) =>
  podOf({ containers: [watched(fields)], ...spec })
export const other = (fields: Partial<Container> = {}) => watched({ name: 'other', env: regionOf('other'), ...fields })

/** The ids of the rules that a resource breaks. */
export const idsOf = (resource: object) => new Set(lint(frozen(resource)).map(({ rule }) => rule))
