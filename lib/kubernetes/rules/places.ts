/** Where files of a container are: in which of the pod's volumes. */
import { isEmptyDir } from '../installer.js'
import { fieldOf, isFields, objectsOf, textOf } from '../shape.js'
import type { Container, PodSpec, Volume, VolumeMount } from '../types.js'
import { told } from './programs.js'

/** Where regions are, if nothing else is said. */
export const sharedMemory = '/dev/shm'

/** Where a program looks for regions. */
export function directoryOf(container: Container, argv: readonly string[]): string {
  return (told(container, argv, 'dir') ?? sharedMemory).replace(/(?<=.)\/+$/, '')
}

/** The volume mounted at /dev/shm itself, in place of the pod's. */
export function sharedMemoryOf(container: Container): VolumeMount | undefined {
  return objectsOf(container.volumeMounts).find(({ mountPath }) => withoutSlash(mountPath) === sharedMemory)
}

/** The mount that a file or folder is under: the innermost. */
export function mountOf(container: Container, file: string): VolumeMount | undefined {
  const around = objectsOf(container.volumeMounts).filter(({ mountPath }) => {
    const folder = withoutSlash(mountPath)
    return file === folder || file.startsWith(`${folder}/`)
  })
  return around.sort((a, b) => withoutSlash(b.mountPath).length - withoutSlash(a.mountPath).length)[0]
}

/** A name for a folder that two containers have in common if, and only if, it is the same folder. */
export function placeOf(container: Container, folder: string): string {
  const mount = mountOf(container, folder)
  if (mount !== undefined) {
    const { name, subPath, subPathExpr, mountPath } = mount
    return JSON.stringify(['volume', name, subPath || subPathExpr || '', folder.slice(withoutSlash(mountPath).length)])
  }
  const isShared = folder === sharedMemory || folder.startsWith(`${sharedMemory}/`)
  return JSON.stringify(isShared ? ['pod', folder] : ['container', container.name, folder])
}

export function volumeOf(spec: PodSpec, mount: VolumeMount): Volume | undefined {
  return objectsOf(spec.volumes).find(({ name }) => name === mount.name)
}

export function isInMemory(volume: Volume | undefined): boolean {
  // A volume that is not there is a claim template's, or an error that the API server tells.
  if (volume === undefined) return false
  const hostPath = fieldOf(volume, 'hostPath')
  if (isFields(hostPath)) return /^\/(dev\/shm|run|var\/run)(\/|$)/.test(textOf(hostPath['path']) ?? '')
  return isEmptyDir(volume) && volume.emptyDir?.medium === 'Memory'
}

/** Whether a volume's files are data that nobody can execute: from the API, without a mode that says otherwise. */
export function isDataOnly(volume: Volume | undefined): boolean {
  if (volume === undefined) return false
  return ['configMap', 'secret', 'downwardAPI', 'projected'].some((kind) => {
    const source = fieldOf(volume, kind)
    return kind in volume && !modesOf(source).some((mode) => (mode & 0o111) !== 0)
  })
}

/** All modes that a source gives its files, at any depth. */
function modesOf(source: unknown): number[] {
  if (Array.isArray(source)) return source.flatMap(modesOf)
  if (!isFields(source)) return []
  return Object.entries(source).flatMap(([key, value]) =>
    (key === 'mode' || key === 'defaultMode') && typeof value === 'number' ? [value] : modesOf(value),
  )
}

function withoutSlash(path: unknown): string {
  return String(path).replace(/\/+$/, '')
}
