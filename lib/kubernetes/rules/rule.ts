/** What a lint rule is, and the pod as rules see it. */
import { probeProgram, runs } from '../conventions.js'
import { type GuardedCommand, guardedCommand, guardPort } from '../guard.js'
import type { PodTemplate } from '../pod-templates.js'
import { checkNames } from '../settings.js'
import { isFields, objectsOf } from '../shape.js'
import type { Check, Container, Path, PodSpec, Probe } from '../types.js'
import { concernsUs } from './concern.js'
import { argvOf, guardsProgram } from './programs.js'

/** As SARIF has them. An error is broken or cannot be admitted, a warning will hurt, a note is worth knowing. */
export type Severity = 'error' | 'warning' | 'note'

/** What a rule says of one place. */
export interface Observation {
  /** From the pod spec. */
  path: Path
  message: string
  container?: string | undefined
  /** Where it is milder than the rule: what would make it a fault cannot be seen. */
  severity?: Severity | undefined
}

export interface Rule {
  /** Stable: suppressions and reports go by it. */
  id: string
  severity: Severity
  /** Why it matters, in a sentence; where it comes from. */
  reason: string
  /** What to do. */
  remedy: string
  /**
   * Which containers it speaks of. `container`: those that are looked at. `pod`: all of a pod in which one is looked at.
   * `object`: all, because it says what stands in the way of a look. @default 'container'
   */
  scope?: 'container' | 'pod' | 'object'
  check(pod: Pod): Observation[]
}

export interface Pod {
  /** Of the object that has it; empty for a bare pod spec. */
  kind: string
  spec: PodSpec
  /** Whose admission takes less than a whole pod template, if one does. */
  platform: PodTemplate['platform']
  /** Sidecars and containers: what may have probes and runs as long as the pod. */
  members: Member[]
  /** The containers whose probes are looked at: those that shm-liveness has a part in, or all. */
  lookedAt: ReadonlySet<Container>
  isKata: boolean
}

export interface Member {
  container: Container
  name: string
  path: Path
  isSidecar: boolean
  /** The guard, if it is the entrypoint. */
  guard: GuardedCommand | undefined
  /** Whether the guard starts something, and is no sidecar that only answers. */
  isGuarded: boolean
  /** Where its guard listens, if it does. */
  port: number | undefined
  /** Whether it is watched by us: it has our probes, or the guard starts it. */
  isWatched: boolean
  isLookedAt: boolean
}

export function podOf({ kind, spec, platform }: PodTemplate, allProbes = false): Pod {
  const all = allPlaced(spec).map(({ container }) => container)
  const guardPorts = new Set(all.map(guardPort).filter((port) => port !== undefined))
  const lookedAt = new Set(all.filter((container) => allProbes || concernsUs(container, guardPorts)))
  const sidecars = withPaths(spec.initContainers, 'initContainers').filter(
    ({ container }) => container.restartPolicy === 'Always',
  )
  const members = [
    ...sidecars.map((found) => memberOf(found, true, lookedAt)),
    ...withPaths(spec.containers, 'containers').map((found) => memberOf(found, false, lookedAt)),
  ]
  return { kind, spec, platform, members, lookedAt, isKata: /kata/i.test(spec.runtimeClassName ?? '') }
}

export interface Placed {
  container: Container
  path: Path
}

export function withPaths(containers: Container[] | null | undefined, field: string): Placed[] {
  return objectsOf(containers).map((container, index) => ({ container, path: [field, index] }))
}

/** All containers of a pod that the kubelet starts. */
export function allPlaced(spec: PodSpec): Placed[] {
  return [...withPaths(spec.initContainers, 'initContainers'), ...withPaths(spec.containers, 'containers')]
}

function memberOf({ container, path }: Placed, isSidecar: boolean, lookedAt: ReadonlySet<Container>): Member {
  const isProbed = checkNames.some((check) => isOurs(probeOf(container, check)))
  const guard = guardedCommand(container)
  const isGuarded = guardsProgram(guard)
  return {
    ...{ container, name: container.name ?? '', path, isSidecar, guard, isGuarded },
    port: guardPort(container),
    isWatched: isProbed || isGuarded,
    isLookedAt: lookedAt.has(container),
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

/** The arguments of whoever answers a probe: our program that is exec'd, else the container's guard. */
export function answererOf({ guard }: Member, probe: Probe): string[] {
  return isOurs(probe) ? argvOf(probe) : (guard?.flags ?? [])
}

/** One of our programs in a container. */
export interface Program {
  argv: string[]
  path: Path
  /** What a probe's exec asks; the guard asks all of them. */
  check: Check | 'guard'
}

/** Our programs in a container: those that its probes exec, and its guard. */
export function programsOf(member: Member): Program[] {
  const { container, guard, path } = member
  const probes = checkNames.flatMap((check): Program[] => {
    const probe = probeOf(container, check)
    return isOurs(probe) ? [{ argv: argvOf(probe), path: probePath(member, check), check }] : []
  })
  return guard === undefined ? probes : [...probes, { argv: guard.flags, path: [...path, 'command'], check: 'guard' }]
}

/** The programs that watch the container itself; a guard that starts nothing watches others. */
export function watching(member: Member): Program[] {
  return programsOf(member).filter(({ check }) => check !== 'guard' || member.isGuarded)
}

/** Each probe of each member that is looked at, of the checks named. */
export function probesOf(pod: Pod, ...wanted: Check[]): { member: Member; check: Check; probe: Probe; path: Path }[] {
  const members = pod.members.filter(({ isLookedAt }) => isLookedAt)
  return members.flatMap((member) =>
    wanted.flatMap((check) => {
      const probe = probeOf(member.container, check)
      return probe === undefined ? [] : [{ member, check, probe, path: probePath(member, check) }]
    }),
  )
}

/** Items that share a key, in groups; only groups of several, and none of those without a key. */
export function groupsBy<Item, Key>(items: Item[], keyOf: (item: Item) => Key | undefined): Item[][] {
  const groups = new Map<Key, Item[]>()
  for (const item of items) {
    const key = keyOf(item)
    if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), item])
  }
  return [...groups.values()].filter((group) => group.length > 1)
}
