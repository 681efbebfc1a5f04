/**
 * Where a build is on its way, in order: the Job exists, without a pod (suspended, queued by Kueue, or refused by
 * admission); the pod exists, without a node; it has one, and nothing was pulled yet; an image is being pulled; the
 * installer or the docker sidecar runs; the build container is being made; it runs; it ended.
 */
export const stages = ['created', 'queued', 'scheduled', 'pulling', 'init', 'starting', 'running', 'ended'] as const

export type Stage = (typeof stages)[number]

/** How long each stage before the start may last, in milliseconds, each time that it is entered. */
export interface StageLimits {
  createdMs: number
  queuedMs: number
  pullingMs: number
  initMs: number
  /** Also of `scheduled`: volumes and the sandbox (for Kata the virtual machine) are made there. */
  startingMs: number
}

/** How often a stage of this limit is entered at most: three containers have images, two run before the build. */
const mostEntries: Record<keyof StageLimits, number> = {
  ...{ createdMs: 1, queuedMs: 1, pullingMs: 3, initMs: 2, startingMs: 2 },
}

/** How long all stages before the start may last together, in milliseconds. */
export function allStagesMs(limits: StageLimits): number {
  return Object.entries(mostEntries).reduce((sum, [key, times]) => sum + times * limits[key as keyof StageLimits], 0)
}

/** The limit of a stage in milliseconds; undefined: the pod's own deadline is what limits it. */
export function limitMsOf(stage: Stage, limits: StageLimits): number | undefined {
  switch (stage) {
    case 'created':
      return limits.createdMs
    case 'queued':
      return limits.queuedMs
    case 'pulling':
      return limits.pullingMs
    case 'init':
      return limits.initMs
    case 'scheduled':
    case 'starting':
      return limits.startingMs
    case 'running':
    case 'ended':
      return undefined
  }
}
