/** The guard as a container's entrypoint: its place in the command, its flags, its port. */
import { guardProgram, listenVariable, runs, variableFor, variableOf } from './conventions.js'
import { objectsOf, textsOf } from './shape.js'
import type { Container, PodSpec } from './types.js'

/** A command that begins with the guard. */
export interface GuardedCommand {
  flags: string[]
  /** What the guard starts; undefined if no `--` ends its flags. */
  program: string[] | undefined
}

/**
 * Takes apart what a container starts, if the guard is its entrypoint: `args` follow `command` in the kubelet. Without
 * `command` the image has the word.
 */
export function guardedCommand(container: Container): GuardedCommand | undefined {
  if (!runs(guardProgram, container.command)) return undefined
  const words = [...textsOf(container.command), ...textsOf(container.args)]
  const end = words.indexOf('--')
  return end < 0
    ? { flags: words.slice(1), program: undefined }
    : { flags: words.slice(1, end), program: words.slice(end + 1) }
}

/** What a guard starts, in the fields that have it; undefined if no `--` ends its flags. */
export function guardedProgram(container: Container): { command: string[]; args: string[] } | undefined {
  const [command, args] = [textsOf(container.command), textsOf(container.args)]
  const end = command.indexOf('--')
  if (end >= 0) return { command: command.slice(end + 1), args }
  const argsEnd = args.indexOf('--')
  return argsEnd < 0 ? undefined : { command: [], args: args.slice(argsEnd + 1) }
}

/** A setting of a container's guard: its flag (`--grace 2s`, `--grace=2s`), else its variable (`SHM_LIVENESS_GRACE`). */
export function guardSetting(container: Container, name: string): string | undefined {
  const flags = guardedCommand(container)?.flags ?? []
  const flag = `--${name}`
  const at = flags.findLastIndex((text) => text === flag || text.startsWith(`${flag}=`))
  if (at >= 0) return flags[at] === flag ? flags[at + 1] : flags[at]?.slice(flag.length + 1)
  return variableOf(container, variableFor(name))
}

/** The port at which a container's guard listens, if it does. */
export function guardPort(container: Container): number | undefined {
  const text = /:(\d+)$/.exec(guardSetting(container, 'listen') ?? '')?.[1]
  return text === undefined ? undefined : Number(text)
}

/** All containers of a pod that may run at the same time; they share its network and its /dev/shm. */
export function allContainers(spec: PodSpec): Container[] {
  return [...objectsOf(spec.initContainers), ...objectsOf(spec.containers), ...objectsOf(spec.ephemeralContainers)]
}

/** The ports that a pod's containers declare, or listen at by their guards, but for the guards of `moving`. */
export function portsInUse(spec: PodSpec, moving: ReadonlySet<Container>): Set<number> {
  const ports = allContainers(spec).flatMap((container) => [
    ...objectsOf(container.ports).map(({ containerPort }) => containerPort),
    moving.has(container) ? undefined : guardPort(container),
  ])
  return new Set(ports.filter((port) => typeof port === 'number'))
}

/** Whether a container says itself where its guard listens, in a way that cannot be read here (`valueFrom`). */
export function listensElsewhere(container: Container): boolean {
  const variable = objectsOf(container.env).findLast(({ name }) => name === listenVariable)
  return variable !== undefined && guardPort(container) === undefined
}
