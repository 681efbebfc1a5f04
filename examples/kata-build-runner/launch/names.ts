import { createHash } from 'node:crypto'
import type { BuildFile } from '../config/build-file.js'

export * from '../config/annotation-names.js'

/** The build's container, and the region that its guard stamps. */
export const buildContainer = 'build'
export const buildRegion = 'build'
/** The native sidecar with the docker daemon, where there is one. */
export const dockerContainer = 'docker'

export const stepsKey = 'steps.json'
/** Where the build's Secret is mounted. */
export const stepsDirectory = '/shm-liveness-build'
export const stepsPath = `${stepsDirectory}/${stepsKey}`
/** The build's working directory and home. */
export const workspace = '/workspace'

/** Labels of Jobs, of their pods and of their Secrets. The first three are the article's. */
export const labels = {
  app: 'app',
  tier: 'tier',
  build: 'sdbuild',
  executor: 'shm-liveness/executor',
  attempt: 'shm-liveness/attempt',
  queue: 'kueue.x-k8s.io/queue-name',
} as const

/** Annotations of Jobs; the nonce also of their pods. */
export const annotations = {
  buildHash: 'shm-liveness/build-hash',
  nonce: 'shm-liveness/nonce',
  route: 'shm-liveness/route',
  cancelled: 'shm-liveness/cancelled',
} as const

/** Selects everything that this runner made, of all builds. */
export const anyBuildSelector = `${labels.app}=screwdriver,${labels.tier}=builds,${labels.build}`

/** Selects everything of one build, of all its attempts. */
export function buildSelector(build: string): string {
  return `${labels.app}=screwdriver,${labels.tier}=builds,${labels.build}=${build}`
}

/** @param attempt from 1 */
export function jobName(build: string, attempt: number): string {
  return `${build}-${attempt}`
}

/** The Secret goes by the Job's name. */
export const secretName = jobName

export function labelsOf(build: string, attempt: number, executor: string): Record<string, string> {
  return {
    [labels.app]: 'screwdriver',
    [labels.tier]: 'builds',
    [labels.build]: build,
    [labels.executor]: executor,
    [labels.attempt]: String(attempt),
  }
}

/** The same for the same build, whatever the order of keys in its file; no value of a secret is part of it. */
export function buildHash(build: BuildFile): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(build)))
    .digest('hex')
    .slice(0, 32)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}
