/** Rules on what the containers of a pod share: /dev/shm and the network. */
import { fieldOf, objectsOf } from '../shape.js'
import type { Container } from '../types.js'
import { directoryOf, isInMemory, mountOf, placeOf, sharedMemory, sharedMemoryOf, volumeOf } from './places.js'
import { regionsOf, told } from './programs.js'
import { groupsBy, type Member, type Observation, type Pod, type Program, programsOf, type Rule } from './rule.js'

function at(member: Member, message: string, ...more: string[]): Observation {
  return { path: [...member.path, ...more], container: member.name, message }
}

const quoted = (members: Member[]): string => members.map(({ name }) => `"${name}"`).join(' and ')

/** The regions that a container's life hangs on, each with its place. */
function regionsWatched(member: Member): { region: string; place: string }[] {
  const looks = watching(member)
    // Readiness restarts nothing, and a sidecar serves it for others.
    .filter(({ check }) => check !== 'readiness')
    .flatMap(({ argv }) => {
      const place = placeOf(member.container, directoryOf(member.container, argv))
      return (regionsOf(member.container, argv) ?? []).map((region) => ({ region, place }))
    })
  return [...new Map(looks.map((look) => [JSON.stringify(look), look])).values()]
}

/** The programs that watch the container itself; a guard that starts nothing watches others. */
function watching(member: Member): Program[] {
  return programsOf(member).filter(({ check }) => check !== 'guard' || member.isGuarded)
}

export const regionShared: Rule = {
  id: 'region-shared',
  severity: 'error',
  reason: "A pod's containers share /dev/shm, so they share a region of one name: one's stall restarts the other.",
  remedy: 'Set SHM_LIVENESS_REGION in each container, to its own name (wire does).',
  check: (pod) => {
    const watched = pod.members.flatMap((member) => regionsWatched(member).map((look) => ({ member, ...look })))
    // A container with a folder of its own shares no region.
    return groupsBy(watched, ({ region, place }) => JSON.stringify([region, place])).flatMap((looks) => {
      const members = looks.map(({ member }) => member)
      return members.slice(1).map((member) => at(member, `region "${looks[0]?.region}" is that of ${quoted(members)}`))
    })
  },
}

export const portShared: Rule = {
  id: 'port-shared',
  severity: 'error',
  reason: "A pod's containers share the network: only one guard can listen at a port, the other cannot start.",
  remedy: 'Give each guard a port of its own in SHM_LIVENESS_LISTEN (wire does), beside those of the containers.',
  check: (pod) => {
    const clashes = groupsBy(pod.members, ({ port }) => port).flatMap((group) =>
      group.slice(1).map((member) => at(member, `port ${member.port} is that of the guards of ${quoted(group)}`)),
    )
    const taken = pod.members.flatMap((member) =>
      pod.members
        .filter((other) => other !== member && declares(other.container, member.port))
        .map((other) => at(member, `the guard's port ${member.port} is declared by "${other.name}"`)),
    )
    return [...clashes, ...taken]
  },
}

/** Whether a container declares a port as its own. Another protocol has ports of its own. */
export function declares(container: Container, port: number | undefined): boolean {
  return objectsOf(container.ports).some(
    (each) => port !== undefined && each.containerPort === port && (fieldOf(each, 'protocol') ?? 'TCP') === 'TCP',
  )
}

export const hostNetworkPort: Rule = {
  id: 'host-network-port',
  severity: 'warning',
  reason: "With hostNetwork the guard's port is the node's: a second such pod on the node cannot start.",
  remedy: 'Do without hostNetwork, ask by exec, or give each workload a port of its own (wire --port).',
  check: (pod) =>
    pod.spec.hostNetwork === true
      ? pod.members
          .filter(({ port }) => port !== undefined)
          .map((member) => at(member, `port ${member.port} of the node itself`))
      : [],
}

export const hostIpc: Rule = {
  id: 'host-ipc',
  severity: 'error',
  reason: "With hostIPC /dev/shm is the node's: pods with the same region name answer for each other.",
  remedy: 'Remove hostIPC, or mount an emptyDir with medium: Memory at /dev/shm.',
  check: (pod) => {
    const isExposed = (member: Member): boolean =>
      member.isWatched && foldersOf(member).some((folder) => isPods(member, folder))
    return pod.spec.hostIPC === true && pod.members.some(isExposed)
      ? [{ path: ['hostIPC'], message: "the pod's /dev/shm is the node's" }]
      : []
  },
}

/** Where a container's programs look for regions. */
function foldersOf(member: Member): string[] {
  return [...new Set(watching(member).map(({ argv }) => directoryOf(member.container, argv)))]
}

/** Whether a folder is in the /dev/shm that the pod's containers share. */
function isPods({ container }: Member, folder: string): boolean {
  const isUnder = folder === sharedMemory || folder.startsWith(`${sharedMemory}/`)
  return isUnder && mountOf(container, folder) === undefined
}

export const sharedMemoryReplaced: Rule = {
  id: 'dev-shm-replaced',
  severity: 'warning',
  reason: 'A container that has another /dev/shm sees no region of the others: a sidecar there reports all as missing.',
  remedy: 'Mount the same volume at /dev/shm in all containers, or in none.',
  check: (pod) => {
    if (!pod.members.some(usesSharedMemory)) return []
    const volumes = new Set(pod.members.map(({ container }) => sharedMemoryOf(container)?.name))
    if (volumes.size < 2) return []
    const without = pod.members.filter(({ container }) => sharedMemoryOf(container) === undefined)
    const odd = without.length > 0 ? without : pod.members.slice(1)
    return odd.map((member) => at(member, 'its /dev/shm is not that of the other containers', 'volumeMounts'))
  },
}

function usesSharedMemory(member: Member): boolean {
  return member.isWatched && foldersOf(member).some((folder) => `${folder}/`.startsWith(`${sharedMemory}/`))
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
    if (mount === undefined || isInMemory(volumeOf(pod.spec, mount))) return []
    return [at(member, `volume "${mount.name}" at ${mount.mountPath} is not in memory`, 'volumeMounts')]
  })
}

function isOn(value: string | undefined): boolean {
  return value === '1' || value === 'true'
}
