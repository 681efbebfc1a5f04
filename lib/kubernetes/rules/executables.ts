/** Rules on the executables that probes and guards run: whether they are there, and may be executed. */
import { autoModule, guardProgram, nodeOptionsVariable, probeProgram, runs, variableOf } from '../conventions.js'
import { isEmptyDir } from '../installer.js'
import { baseName, objectsOf, textsOf } from '../shape.js'
import type { Container, Path } from '../types.js'
import { isDataOnly, mountOf, placeOf, volumeOf } from './places.js'
import { argvOf, isReference, valuesOf } from './programs.js'
import { isOurs, type Member, type Pod, probesOf, type Rule, withPaths } from './rule.js'

export const probeNotExecutable: Rule = {
  id: 'probe-noexec',
  severity: 'error',
  reason:
    "Nothing can be run from the pod's /dev/shm, /proc or /sys (noexec), nor from a config map, whose files are not " +
    'executable; the kubelet takes a probe that cannot run for "Unknown", and never restarts anything.',
  remedy: 'Install the executables into an emptyDir outside /dev/shm (wire does).',
  check: (pod) =>
    executablesOf(pod).flatMap(({ member, path, program }) => {
      const mount = mountOf(member.container, program)
      const isOff =
        mount === undefined ? /^\/(dev|proc|sys)(\/|$)/.test(program) : isDataOnly(volumeOf(pod.spec, mount))
      return isOff ? [{ path, container: member.name, message: `${program} cannot be executed there` }] : []
    }),
}

export const probeNotInstalled: Rule = {
  id: 'probe-not-installed',
  severity: 'error',
  reason:
    'A missing program is "Unknown" to the kubelet (kubernetes#106682): the probe never fails, and never restarts ' +
    'anything. A container whose guard is missing does not start, nor does Node.js whose NODE_OPTIONS import a missing file.',
  remedy:
    'Put an init container before it that installs and tests the executables (wire does), and mount the volume that it ' +
    'installs into at the folder of the command.',
  check: (pod) =>
    [...executablesOf(pod), ...importsOf(pod)].flatMap(({ member, path, program }) => {
      const message = whyMissing(pod, member, program)
      return message === undefined ? [] : [{ path, container: member.name, message }]
    }),
}

function whyMissing(pod: Pod, member: Member, program: string): string | undefined {
  const mount = mountOf(member.container, program)
  if (mount === undefined) {
    // It may be in the image; but hardly where the pod's own installer puts it for others.
    const folder = program.slice(0, program.lastIndexOf('/'))
    const isInstalled = objectsOf(pod.spec.initContainers).some((container) => installFolderOf(container) === folder)
    return isInstalled ? `${program} is in a volume that the container does not mount` : undefined
  }
  const volume = volumeOf(pod.spec, mount)
  // A volume that others fill may well have it.
  if (volume === undefined || !isEmptyDir(volume)) return undefined
  const before = startedBefore(pod, member).filter(mayInstall)
  const isFilledByOthers = before.some(
    (container) =>
      !isInstalling(container) && objectsOf(container.volumeMounts).some(({ name }) => name === mount.name),
  )
  const installers = before.filter(isInstalling)
  const isThere = installers.some((container) => isInstalledAt(container, placeOf(member.container, program)))
  if (isFilledByOthers || isThere) return undefined
  const [other] = installers
  return other === undefined
    ? `nothing puts ${program} into the volume "${mount.name}" before`
    : `"${other.name}" installs into ${installFolderOf(other)}, which is not the folder of ${program} in the volume "${mount.name}"`
}

/** The init containers that have ended, or are running, when a container starts. */
function startedBefore(pod: Pod, member: Member): Container[] {
  const inits = withPaths(pod.spec.initContainers, 'initContainers')
  const before = member.isSidecar ? inits.slice(0, member.path[1] as number) : inits
  return before.map(({ container }) => container)
}

/** Our installer, or something of one's own that may copy them just as well; but nothing that outlives it. */
function mayInstall(container: Container): boolean {
  return isInstalling(container) || container.restartPolicy !== 'Always'
}

/** Our installer, in either spelling; without `command` the image's ENTRYPOINT may be the probe. */
function isInstalling(container: Container): boolean {
  const isProbe = textsOf(container.command).length === 0 || runs(probeProgram, container.command)
  return isProbe && wordsOf(container).some((word) => /^--install(=|$)/.test(word))
}

/** What a container starts: `args` follow `command`. */
function wordsOf(container: Container): string[] {
  return [...textsOf(container.command), ...textsOf(container.args)]
}

/** The folder of `--install`; undefined for another container, or if it cannot be read here. */
function installFolderOf(container: Container): string | undefined {
  if (!isInstalling(container)) return undefined
  const folder = valuesOf(wordsOf(container), 'install').at(-1)
  return folder === undefined || isReference(folder) ? undefined : folder.replace(/(?<=.)\/+$/, '')
}

/** Whether an installer puts one of its executables at a place. */
function isInstalledAt(installer: Container, place: string): boolean {
  const folder = installFolderOf(installer)
  return folder === undefined || installed.some((name) => placeOf(installer, `${folder}/${name}`) === place)
}

/** What `shm-probe --install` copies. */
const installed = [probeProgram, guardProgram, autoModule]

interface Use {
  member: Member
  path: Path
  program: string
}

/** Each import of our module by NODE_OPTIONS, as `wire --auto` writes it. */
function importsOf(pod: Pod): Use[] {
  return pod.members.flatMap((member) => {
    const words = variableOf(member.container, nodeOptionsVariable)?.split(/\s+/) ?? []
    return words.flatMap((word) => {
      const program = /^--import=(\/.*)$/.exec(word)?.[1]
      if (program === undefined || baseName(program) !== autoModule) return []
      return [{ member, path: [...member.path, 'env'], program }]
    })
  })
}

/** Each run of our programs by an absolute path: by probes, and as a guard. */
function executablesOf(pod: Pod): Use[] {
  const probes = probesOf(pod, 'startup', 'liveness', 'readiness')
    .filter(({ probe }) => isOurs(probe))
    .map(({ member, path, probe }) => ({ member, path, program: argvOf(probe)[0] ?? '' }))
  const guards = pod.members
    .filter(({ container }) => runs(guardProgram, container.command))
    .map((member) => ({
      member,
      path: [...member.path, 'command'],
      program: textsOf(member.container.command)[0] ?? '',
    }))
  return [...probes, ...guards].filter(({ program }) => program.startsWith('/') && baseName(program) !== '')
}
