/** The names that the wiring, the lint rules and the programs agree on. */
import { baseName, objectsOf, textOf } from './shape.js'
import type { Container } from './types.js'

/**
 * The image that holds the executables, of this package's own version, as `npm run images` names it. With its registry
 * written out: a short name is one on Docker Hub to containerd, and nobody has published this there.
 */
export const defaultImage = 'localhost/shm-liveness:0.1.0'
/** The init container, and the volume that it fills. */
export const defaultName = 'shm-liveness'
export const defaultDirectory = '/shm-liveness'
/** The user that the image names, and that nothing else runs as. */
export const installerUser = 65532
/** The first guard's port; each further guard of a pod takes the next free one. */
export const firstPort = 9808

export const probeProgram = 'shm-probe'
export const guardProgram = 'shm-guard'
/** What Node.js imports for `wire --auto`, beside the executables. */
export const autoModule = 'auto.mjs'
export const nodeOptionsVariable = 'NODE_OPTIONS'

/** The first letters of all variables that the programs read. */
export const variablePrefix = 'SHM_LIVENESS_'

/** The variable of a flag: `SHM_LIVENESS_MAX_AGE` of `max-age`. */
export function variableFor(flag: string): string {
  return `${variablePrefix}${flag.toUpperCase().replaceAll('-', '_')}`
}

export const regionVariable = 'SHM_LIVENESS_REGION'
export const listenVariable = 'SHM_LIVENESS_LISTEN'
export const startupGraceVariable = 'SHM_LIVENESS_STARTUP_GRACE'
/** The API's default of a container's `terminationMessagePath`, and the programs'. */
export const kubeletTerminationLog = '/dev/termination-log'
/** The region of whoever names none, as in the programs. */
export const defaultRegion = 'default'

/** Whether a command is our program, wherever it lies. */
export function runs(program: string, command: readonly unknown[] | null | undefined): boolean {
  const first = Array.isArray(command) ? textOf(command[0]) : undefined
  return first !== undefined && baseName(first) === program
}

/** The literal value of a variable; undefined if it is unset, empty, or comes from elsewhere (`valueFrom`). */
export function variableOf(container: Container, name: string): string | undefined {
  // Of several entries with one name the last wins, in the kubelet.
  const value = textOf(objectsOf(container.env).findLast((variable) => variable.name === name)?.value)
  return value === '' ? undefined : value
}
