/** Rules on the program that an exec probe runs: whether it is one, is there, and may be executed. */
import { isEmptyDir, isInstaller } from '../installer.js'
import { baseName, objectsOf } from '../shape.js'
import type { Container, Path } from '../types.js'
import { isDataOnly, mountOf, volumeOf } from './places.js'
import { argvOf, shells } from './programs.js'
import { isOurs, type Member, type Pod, probesOf, type Rule, withPaths } from './rule.js'

/** Words that mean something to a shell alone. */
const shellWords = new Set([
  '|',
  '||',
  '&',
  '&&',
  ';',
  '>',
  '>>',
  '<',
  '<<',
  '2>',
  '2>&1',
  '&>',
  '>/dev/null',
  '2>/dev/null',
])
const comparing = ['<', '>', '|', '&']
/** Programs to which some of them mean something, too. */
const operators = new Map([
  ['test', comparing],
  ['[', comparing],
  ['expr', comparing],
  ['find', [';']],
])

export const execIsNoShell: Rule = {
  id: 'exec-is-no-shell',
  severity: 'error',
  reason:
    'The kubelet execs the list as it is, without a shell: a command line in one text is a program of that name, which ' +
    'is missing ("Unknown", never a restart), and ||, > or $(...) are arguments, which a program refuses.',
  remedy: 'Write one list item for each word; what needs a shell runs by [sh, -c, "..."].',
  check: (pod) =>
    probesOf(pod, 'startup', 'liveness', 'readiness').flatMap(({ member, probe, path }) => {
      const message = shellSyntaxIn(argvOf(probe), member.container)
      return message === undefined ? [] : [{ path, container: member.name, message }]
    }),
}

function shellSyntaxIn(argv: string[], container: Container): string | undefined {
  const [program = ''] = argv
  // Blanks are common in paths of Windows.
  if (/\s/.test(program) && !program.includes('\\'))
    return `"${program}" is one text, and no program of that name is there`
  if (hasShell(argv)) return undefined
  const odd = argv.slice(1).find((word) => isForShell(word, argv, container))
  return odd === undefined ? undefined : `the argument "${odd}" is for a shell, and none reads it`
}

/** A shell that is given a script: everything after that is the script's. Wrappers (env, timeout) may stand before. */
function hasShell(argv: string[]): boolean {
  return argv.some((word, at) => shells.has(baseName(word)) && /^-[a-z]*c/.test(argv[at + 1] ?? ''))
}

function isForShell(word: string, argv: string[], container: Container): boolean {
  if (word.startsWith('`')) return true
  if (word.startsWith('$(')) {
    // The kubelet itself replaces $(NAME) by a variable that the container declares.
    const name = /^\$\(([^)]*)\)/.exec(word)?.[1]
    return !objectsOf(container.env).some((variable) => variable.name === name)
  }
  const isMeant = argv.some((other) => !other.includes(':') && operators.get(baseName(other))?.includes(word))
  return shellWords.has(word) && !isMeant
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
      const isData = mount !== undefined && isDataOnly(volumeOf(pod.spec, mount))
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
      const message = whyMissing(pod, member, program)
      return message === undefined ? [] : [{ path, container: member.name, message }]
    }),
}

function whyMissing(pod: Pod, member: Member, program: string): string | undefined {
  const mount = mountOf(member.container, program)
  const folder = program.slice(0, program.lastIndexOf('/'))
  if (mount === undefined) {
    // It may be in the image; but hardly where the pod's own installer puts it for others.
    return installers(pod).some(({ command }) => command?.includes(folder))
      ? `${program} is in a volume that the container does not mount`
      : undefined
  }
  const volume = volumeOf(pod.spec, mount)
  // A volume that others fill may well have it.
  if (volume === undefined || !isEmptyDir(volume) || installsBefore(pod, member, mount.name)) return undefined
  return `nothing puts ${program} into the volume "${mount.name}" before`
}

function installers(pod: Pod): Container[] {
  return objectsOf(pod.spec.initContainers).filter(isInstaller)
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

/** Each exec of our probe with an absolute path. */
function ourProbes(pod: Pod): { member: Member; path: Path; program: string }[] {
  return probesOf(pod, 'startup', 'liveness', 'readiness')
    .filter(({ probe }) => isOurs(probe))
    .map(({ member, path, probe }) => ({ member, path, program: argvOf(probe)[0] ?? '' }))
    .filter(({ program }) => program.startsWith('/'))
}
