/** What a lint rule is, and the pod as rules see it. */
import { defaultRegion, probeProgram, regionVariable, runs, variableOf } from '../conventions.js'
import { guardedCommand } from '../guard.js'
import type { PodTemplate } from '../pod-templates.js'
import { checkNames } from '../settings.js'
import { isFields, objectsOf } from '../shape.js'
import type { Check, Container, Path, PodSpec, Probe } from '../types.js'

/** As SARIF has them. An error is broken or cannot be admitted, a warning will hurt, a note is worth knowing. */
export type Severity = 'error' | 'warning' | 'note'

/** What a rule says of one place. */
export interface Observation {
  /** From the pod spec. */
  path: Path
  message: string
  container?: string | undefined
}

export interface Rule {
  /** Stable: suppressions and reports go by it. */
  id: string
  severity: Severity
  /** Why it matters, in a sentence; where it comes from. */
  reason: string
  /** What to do. */
  remedy: string
  check(pod: Pod): Observation[]
}

export interface Pod {
  spec: PodSpec
  /** Sidecars and containers: what may have probes and runs as long as the pod. */
  members: Member[]
  isKata: boolean
}

export interface Member {
  container: Container
  name: string
  path: Path
  isSidecar: boolean
  /** Whether it is watched by us: it has our probes, or the guard as its entrypoint. */
  isWatched: boolean
  /** The region of its workers, as its environment has it. */
  region: string
}

export function podOf({ spec }: PodTemplate): Pod {
  const sidecars = withPaths(spec.initContainers, 'initContainers').filter(
    ({ container }) => container.restartPolicy === 'Always',
  )
  const members = [
    ...sidecars.map((found) => memberOf(found, true)),
    ...withPaths(spec.containers, 'containers').map((found) => memberOf(found, false)),
  ]
  return { spec, members, isKata: /kata/i.test(spec.runtimeClassName ?? '') }
}

interface Placed {
  container: Container
  path: Path
}

export function withPaths(containers: Container[] | null | undefined, field: string): Placed[] {
  return objectsOf(containers).map((container, index) => ({ container, path: [field, index] }))
}

function memberOf({ container, path }: Placed, isSidecar: boolean): Member {
  const probed = checkNames.some((check) => isOurs(probeOf(container, check)))
  return {
    container,
    name: container.name ?? '',
    path,
    isSidecar,
    isWatched: probed || guardedCommand(container)?.program !== undefined,
    region: variableOf(container, regionVariable) ?? defaultRegion,
  }
}

export function probeOf(container: Container, check: Check): Probe | undefined {
  const probe = container[`${check}Probe`]
  return isFields(probe) ? (probe as Probe) : undefined
}

/** Where a container's probe is, from the pod spec. */
export function probePath(member: Member, check: Check): Path {
  return [...member.path, `${check}Probe`]
}

/** A probe's timing, in seconds and counts; null and 0 are "not given" to the API, which then has its default. */
export function timingOf(probe: Probe): { period: number; timeout: number; failures: number; reaction: number } {
  const period = probe.periodSeconds || 10
  const timeout = probe.timeoutSeconds || 1
  const failures = probe.failureThreshold || 3
  return { period, timeout, failures, reaction: period * failures }
}

/** Whether a probe is an exec of our program. */
export function isOurs(probe: Probe | undefined): boolean {
  return runs(probeProgram, probe?.exec?.command)
}

/** Each probe of each member, of the checks named. */
export function probesOf(pod: Pod, ...wanted: Check[]): { member: Member; check: Check; probe: Probe; path: Path }[] {
  return pod.members.flatMap((member) =>
    wanted.flatMap((check) => {
      const probe = probeOf(member.container, check)
      return probe === undefined ? [] : [{ member, check, probe, path: probePath(member, check) }]
    }),
  )
}

/** Members that share a value, grouped by it; only groups of several. */
export function sharedBy<Key>(members: Member[], keyOf: (member: Member) => Key | undefined): [Key, Member[]][] {
  const groups = new Map<Key, Member[]>()
  for (const member of members) {
    const key = keyOf(member)
    if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), member])
  }
  return [...groups].filter(([, group]) => group.length > 1)
}
