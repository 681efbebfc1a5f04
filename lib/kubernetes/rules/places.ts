/**
 * Where files of a container are: in which of the pod's volumes. The runtimes mount by the depth of the path, so that a
 * mount never hides one below it; the pod's own /dev/shm is one of these mounts, unless a volume takes its place
 * (containerd `WithMounts` and `containerMounts`, CRI-O `addOCIBindMounts`). So a volume at /dev leaves it as it is.
 */
import { isEmptyDir } from '../installer.js'
import { fieldOf, isFields, objectsOf, textOf } from '../shape.js'
import type { Container, PodSpec, Volume, VolumeMount } from '../types.js'
import { told } from './programs.js'

/** Where regions are, if nothing else is said. */
export const sharedMemory = '/dev/shm'

/** Where a program looks for regions. */
export function directoryOf(container: Container, argv: readonly string[]): string {
  return cleanPath(told(container, argv, 'dir') ?? sharedMemory)
}

/** A path without double slashes, `.` and `..`, and from the root, as the kubelet and the runtimes take it. */
export function cleanPath(path: unknown): string {
  const parts: string[] = []
  for (const part of String(path).split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** Whether a clean path is that of a folder, or below it. */
function isUnder(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}

/** Whether a folder is in what the container has at /dev/shm. */
export function isInSharedMemory(folder: string): boolean {
  return isUnder(cleanPath(folder), sharedMemory)
}

/** The volume mounted at /dev/shm itself, in place of the pod's. */
export function sharedMemoryOf(container: Container): VolumeMount | undefined {
  return objectsOf(container.volumeMounts).find(({ mountPath }) => cleanPath(mountPath) === sharedMemory)
}

/** The mount that a file or folder is in; undefined if it is in the image, or in the pod's own /dev/shm. */
export function mountOf(container: Container, file: string): VolumeMount | undefined {
  const path = cleanPath(file)
  const around = objectsOf(container.volumeMounts).filter(({ mountPath }) => isUnder(path, cleanPath(mountPath)))
  const [innermost] = around.sort((a, b) => cleanPath(b.mountPath).length - cleanPath(a.mountPath).length)
  const isHidden = isInSharedMemory(path) && innermost !== undefined && !isInSharedMemory(String(innermost.mountPath))
  return isHidden ? undefined : innermost
}

/** The path of a file within its mount's volume. */
function pathInVolume({ mountPath, subPath, subPathExpr }: VolumeMount, file: string): string {
  const below = cleanPath(file).slice(cleanPath(mountPath).length)
  return cleanPath(`/${subPath || subPathExpr || ''}/${below}`)
}

/** A name for a folder that two containers have in common if, and only if, it is the same folder. */
export function placeOf(container: Container, folder: string): string {
  const mount = mountOf(container, folder)
  if (mount !== undefined) return JSON.stringify(['volume', mount.name, pathInVolume(mount, folder)])
  const path = cleanPath(folder)
  return JSON.stringify(isInSharedMemory(path) ? ['pod', path] : ['container', container.name, path])
}

export function volumeOf(spec: PodSpec, mount: VolumeMount): Volume | undefined {
  return objectsOf(spec.volumes).find(({ name }) => name === mount.name)
}

/** The path on the node of a folder in a hostPath volume. */
export function nodePathOf(volume: Volume | undefined, mount: VolumeMount, folder: string): string | undefined {
  const hostPath = volume === undefined ? undefined : fieldOf(volume, 'hostPath')
  if (!isFields(hostPath)) return undefined
  return cleanPath(`${textOf(hostPath['path']) ?? ''}/${pathInVolume(mount, folder)}`)
}

/** Whether a folder in a volume is in memory. */
export function isInMemory(volume: Volume | undefined, mount: VolumeMount, folder: string): boolean {
  // A volume that is not there is a claim template's, or an error that the API server tells.
  if (volume === undefined) return false
  const nodePath = nodePathOf(volume, mount, folder)
  if (nodePath !== undefined) return ['/dev/shm', '/run', '/var/run'].some((memory) => isUnder(nodePath, memory))
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
