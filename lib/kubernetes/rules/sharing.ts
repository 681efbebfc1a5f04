/** Rules on what the containers of a pod share: /dev/shm, the network, the executables. */
import { guardedCommand, guardPort } from '../guard.js'
import { isEmptyDir, isInstaller } from '../installer.js'
import { objectsOf } from '../shape.js'
import type { Container, PodSpec, Volume, VolumeMount } from '../types.js'
import { isOurs, type Member, type Observation, type Pod, probesOf, type Rule, sharedBy, withPaths } from './rule.js'

function at(member: Member, message: string, ...more: string[]): Observation {
  return { path: [...member.path, ...more], container: member.name, message }
}

const quoted = (members: Member[]): string => members.map(({ name }) => `"${name}"`).join(' and ')

export const regionShared: Rule = {
  id: 'region-shared',
  severity: 'error',
  reason: "A pod's containers share /dev/shm, so they share a region of one name: one's stall restarts the other.",
  remedy: 'Set SHM_LIVENESS_REGION in each container, to its own name (wire does).',
  check: (pod) => {
    const watched = pod.members.filter(({ isWatched }) => isWatched)
    // A container with a /dev/shm of its own shares no region.
    const keyOf = (member: Member): string => JSON.stringify([member.region, sharedMemoryOf(member)?.name])
    return sharedBy(watched, keyOf).flatMap(([, group]) =>
      group.slice(1).map((member) => at(member, `region "${member.region}" is that of ${quoted(group)}`)),
    )
  },
}

export const portShared: Rule = {
  id: 'port-shared',
  severity: 'error',
  reason: "A pod's containers share the network: only one guard can listen at a port, the other cannot start.",
  remedy: 'Give each guard a port of its own in SHM_LIVENESS_LISTEN (wire does), beside those of the containers.',
  check: (pod) => {
    const clashes = sharedBy(pod.members, ({ container }) => guardPort(container)).flatMap(([port, group]) =>
      group.slice(1).map((member) => at(member, `port ${port} is that of the guards of ${quoted(group)}`)),
    )
    const taken = pod.members.flatMap((member) =>
      pod.members
        .filter((other) => other !== member && declares(other.container, guardPort(member.container)))
        .map((other) => at(member, `the guard's port ${guardPort(member.container)} is declared by "${other.name}"`)),
    )
    return [...clashes, ...taken]
  },
}

function declares(container: Container, port: number | undefined): boolean {
  return port !== undefined && objectsOf(container.ports).some(({ containerPort }) => containerPort === port)
}

export const hostNetworkPort: Rule = {
  id: 'host-network-port',
  severity: 'warning',
  reason: "With hostNetwork the guard's port is the node's: a second such pod on the node cannot start.",
  remedy: 'Do without hostNetwork, ask by exec, or give each workload a port of its own (wire --port).',
  check: (pod) =>
    pod.spec.hostNetwork === true
      ? pod.members
          .filter(({ container }) => guardPort(container) !== undefined)
          .map((member) => at(member, `port ${guardPort(member.container)} of the node itself`))
      : [],
}

export const hostIpc: Rule = {
  id: 'host-ipc',
  severity: 'error',
  reason: "With hostIPC /dev/shm is the node's: pods with the same region name answer for each other.",
  remedy: 'Remove hostIPC, or mount an emptyDir with medium: Memory at /dev/shm.',
  check: (pod) =>
    pod.spec.hostIPC === true && pod.members.some((member) => member.isWatched && sharedMemoryOf(member) === undefined)
      ? [{ path: ['hostIPC'], message: "the pod's /dev/shm is the node's" }]
      : [],
}

export const sharedMemoryReplaced: Rule = {
  id: 'dev-shm-replaced',
  severity: 'warning',
  reason: 'A container that has another /dev/shm sees no region of the others: a sidecar there reports all as missing.',
  remedy: 'Mount the same volume at /dev/shm in all containers, or in none.',
  check: (pod) => {
    if (!pod.members.some(({ isWatched }) => isWatched)) return []
    const volumes = new Set(pod.members.map((member) => sharedMemoryOf(member)?.name))
    if (volumes.size < 2) return []
    const without = pod.members.filter((member) => sharedMemoryOf(member) === undefined)
    const odd = without.length > 0 ? without : pod.members.slice(1)
    return odd.map((member) => at(member, 'its /dev/shm is not that of the other containers', 'volumeMounts'))
  },
}

export const sharedMemoryOnDisk: Rule = {
  id: 'dev-shm-on-disk',
  severity: 'error',
  reason: 'Beats on a disk (under Kata: on virtio-fs) are I/O on every loop; the programs refuse a region there.',
  remedy: 'Set medium: Memory of the emptyDir at /dev/shm, or leave the one that the pod has.',
  check: (pod) =>
    pod.members.flatMap((member) => {
      const mount = sharedMemoryOf(member)
      if (mount === undefined || !member.isWatched || isInMemory(volumeOf(pod.spec, mount))) return []
      return [at(member, `volume "${mount.name}" at /dev/shm is not in memory`, 'volumeMounts')]
    }),
}

export const probeNotExecutable: Rule = {
  id: 'probe-noexec',
  severity: 'error',
  reason:
    'Nothing can be run from /dev/shm, /proc or /sys (noexec), nor from a config map, whose files are not executable; the ' +
    'kubelet takes a probe that cannot run for "Unknown", and never restarts anything.',
  remedy: 'Install the executables into an emptyDir outside /dev/shm (wire does).',
  check: (pod) =>
    ourProbes(pod).flatMap(({ member, path, program }) => {
      const mount = mountOf(member.container, program)
      const volume = mount === undefined ? undefined : volumeOf(pod.spec, mount)
      const isData =
        volume !== undefined && ['configMap', 'secret', 'downwardAPI', 'projected'].some((s) => s in volume)
      if (!isData && !/^\/(dev|proc|sys)(\/|$)/.test(program)) return []
      return [{ path, container: member.name, message: `${program} cannot be executed there` }]
    }),
}

export const probeNotInstalled: Rule = {
  id: 'probe-not-installed',
  severity: 'error',
  reason:
    'A missing program is "Unknown" to the kubelet (kubernetes#106682): the probe never fails, and never restarts anything.',
  remedy: 'Put an init container before it that installs and tests the executables (wire does).',
  check: (pod) =>
    ourProbes(pod).flatMap(({ member, path, program }) => {
      const mount = mountOf(member.container, program)
      const volume = mount === undefined ? undefined : volumeOf(pod.spec, mount)
      // Outside of any volume, or in one that others fill, it may well be there.
      if (mount === undefined || volume === undefined || !isEmptyDir(volume)) return []
      if (installsBefore(pod, member, mount.name)) return []
      return [
        { path, container: member.name, message: `nothing puts ${program} into the volume "${mount.name}" before` },
      ]
    }),
}

function installsBefore(pod: Pod, member: Member, volume: string): boolean {
  const inits = withPaths(pod.spec.initContainers, 'initContainers')
  const before = member.isSidecar ? inits.slice(0, member.path[1] as number) : inits
  return before.some(
    ({ container }) => objectsOf(container.volumeMounts).some(({ name }) => name === volume) && mayInstall(container),
  )
}

/** Our installer, or something of one's own that may copy them just as well; but nothing that outlives it. */
function mayInstall(container: Container): boolean {
  return isInstaller(container) || container.restartPolicy !== 'Always'
}

export const sidecarLiveness: Rule = {
  id: 'sidecar-liveness',
  severity: 'error',
  reason: "Liveness restarts the container it belongs to: asking another's guard restarts the one that is well.",
  remedy: "Ask the container's own region or guard for liveness; a sidecar serves readiness and metrics.",
  check: (pod) =>
    probesOf(pod, 'liveness', 'startup').flatMap(({ member, probe, path }) => {
      const port = Number(probe.httpGet?.port ?? Number.NaN)
      const owner = pod.members.find((other) => other !== member && guardPort(other.container) === port)
      const isOwn = guardPort(member.container) === port
      if (owner !== undefined && !isOwn && !probe.httpGet?.host) {
        return [{ path, container: member.name, message: `it asks port ${port}, the guard of "${owner.name}"` }]
      }
      const guarded = guardedCommand(member.container)
      const answersForOthers = isOwn && guarded !== undefined && guarded.program === undefined
      if (!answersForOthers) return []
      return [{ path, container: member.name, message: 'it asks a sidecar that watches other containers' }]
    }),
}

/** Each exec of our probe with an absolute path. */
function ourProbes(pod: Pod): { member: Member; path: Observation['path']; program: string }[] {
  return probesOf(pod, 'startup', 'liveness', 'readiness')
    .filter(({ probe }) => isOurs(probe))
    .map(({ member, path, probe }) => ({ member, path, program: probe.exec?.command[0] ?? '' }))
    .filter(({ program }) => program.startsWith('/'))
}

function sharedMemoryOf({ container }: Member): VolumeMount | undefined {
  return objectsOf(container.volumeMounts).find(({ mountPath }) => /^\/dev\/shm\/*$/.test(String(mountPath)))
}

/** The mount that a file is under: the innermost. */
function mountOf(container: Container, file: string): VolumeMount | undefined {
  const around = objectsOf(container.volumeMounts).filter(({ mountPath }) => {
    const folder = String(mountPath).replace(/\/+$/, '')
    return file.startsWith(`${folder}/`)
  })
  return around.sort((a, b) => b.mountPath.length - a.mountPath.length)[0]
}

function volumeOf(spec: PodSpec, mount: VolumeMount): Volume | undefined {
  return objectsOf(spec.volumes).find(({ name }) => name === mount.name)
}

function isInMemory(volume: Volume | undefined): boolean {
  // A volume that is not there is a claim template's, or an error that the API server tells.
  return volume !== undefined && isEmptyDir(volume) && volume.emptyDir?.medium === 'Memory'
}
