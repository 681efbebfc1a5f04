/** Rules on the memory that regions are in: whose it is, and whether it is memory. */
import { regionVariable } from '../conventions.js'
import { fieldOf, isFields, objectsOf } from '../shape.js'
import { concernsUs } from './concern.js'
import {
  directoryOf,
  isInMemory,
  isInSharedMemory,
  mountOf,
  nodePathOf,
  placeOf,
  sharedMemory,
  volumeOf,
} from './places.js'
import { told } from './programs.js'
import { type Member, type Observation, type Pod, programsOf, type Rule, watching } from './rule.js'

/** Where a container's programs look for regions, and the container itself makes them. */
function foldersOf(member: Member): string[] {
  return [...new Set(watching(member).map(({ argv }) => directoryOf(member.container, argv)))]
}

export const hostIpc: Rule = {
  id: 'host-ipc',
  severity: 'error',
  reason:
    "With hostIPC, and in a hostPath volume, a region is the node's: all pods of the node with the same region name " +
    'answer for each other.',
  remedy:
    'Remove hostIPC or the hostPath volume; mount an emptyDir with medium: Memory at /dev/shm if more than 64 MiB are ' +
    'needed.',
  check: (pod) => {
    const exposed = pod.members.filter((member) => member.isWatched && !hasOwnRegion(member))
    const onNode = exposed.flatMap((member) => foldersOf(member).flatMap((folder) => nodeVolume(pod, member, folder)))
    const isPods = ({ container }: Member, folder: string): boolean =>
      isInSharedMemory(folder) && mountOf(container, folder) === undefined
    const usesPods = exposed.some((member) => foldersOf(member).some((folder) => isPods(member, folder)))
    return pod.spec.hostIPC === true && usesPods
      ? [{ path: ['hostIPC'], message: "the pod's /dev/shm is the node's" }, ...onNode]
      : onNode
  },
}

/** The volume that puts a folder on the node; none if each pod has its own folder there. */
function nodeVolume(pod: Pod, { container, name, path }: Member, folder: string): Observation[] {
  const mount = mountOf(container, folder)
  const nodePath = mount && nodePathOf(volumeOf(pod.spec, mount), mount, folder)
  if (nodePath === undefined || nodePath.includes('$(')) return []
  const index = objectsOf(container.volumeMounts).indexOf(mount as never)
  const message = `regions in ${folder} are in ${nodePath} of the node, by the volume "${mount?.name}"`
  return [{ path: [...path, 'volumeMounts', index], container: name, message }]
}

/** Whether the region's name comes from the pod itself (`fieldRef`: its name or uid), so that no other pod has it. */
function hasOwnRegion({ container, guard }: Member): boolean {
  const variables = objectsOf(container.env)
  const isOfPod = (name: string): boolean => {
    const source = variables.findLast((variable) => variable.name === name)?.valueFrom
    return isFields(source) && isFields(fieldOf(source, 'fieldRef'))
  }
  const own = variables.findLast(({ name }) => name === regionVariable)
  const texts = [String(own?.value ?? ''), ...(guard?.flags ?? [])]
  const references = texts.flatMap((text) => [...text.matchAll(/\$\(([^)]*)\)/g)].map(([, name]) => name as string))
  return isOfPod(regionVariable) || references.some(isOfPod)
}

export const sharedMemoryReplaced: Rule = {
  id: 'dev-shm-replaced',
  severity: 'warning',
  reason: 'A container that has another /dev/shm sees no region of the others: a sidecar there reports all as missing.',
  remedy: 'Mount the same volume at /dev/shm in all containers, or in none.',
  check: (pod) => {
    const users = pod.members.filter(usesSharedMemory)
    const places = users.map(({ container }) => placeOf(container, sharedMemory))
    if (new Set(places).size < 2) return []
    const isReplaced = ({ container }: Member): boolean => mountOf(container, sharedMemory) !== undefined
    const without = users.filter((member) => !isReplaced(member))
    const odd = without.length > 0 ? without : users.slice(1)
    const message = 'its /dev/shm is not that of the other containers'
    return odd.map(({ path, name }) => ({ path: [...path, 'volumeMounts'], container: name, message }))
  },
}

/** Whether something in a container may look into /dev/shm: our programs, or a worker that our variables name. */
function usesSharedMemory(member: Member): boolean {
  const { container } = member
  const folders = programsOf(member).map(({ argv }) => directoryOf(container, argv))
  return (
    concernsUs(container, new Set()) &&
    (folders.length > 0 ? folders : [directoryOf(container, [])]).some(isInSharedMemory)
  )
}

export const sharedMemoryOnDisk: Rule = {
  id: 'dev-shm-on-disk',
  severity: 'error',
  reason: 'Beats on a disk (under Kata: on virtio-fs) are I/O on every loop; the programs refuse a region there.',
  remedy: 'Set medium: Memory of the emptyDir that regions are in, or leave them in the /dev/shm that the pod has.',
  check: (pod) => pod.members.flatMap((member) => foldersOnDisk(pod, member)),
}

function foldersOnDisk(pod: Pod, member: Member): Observation[] {
  if (!member.isWatched) return []
  const { container } = member
  const folders = watching(member)
    .filter(({ argv }) => !argv.includes('--allow-disk') && !isOn(told(container, [], 'allow-disk')))
    .map(({ argv }) => directoryOf(container, argv))
  return [...new Set(folders)].flatMap((folder) => {
    const mount = mountOf(container, folder)
    if (mount === undefined || isInMemory(volumeOf(pod.spec, mount), mount, folder)) return []
    const message = `volume "${mount.name}" at ${mount.mountPath} is not in memory`
    return [{ path: [...member.path, 'volumeMounts'], container: member.name, message }]
  })
}

function isOn(value: string | undefined): boolean {
  return value === '1' || value === 'true'
}
