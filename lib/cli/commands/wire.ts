import { Command, InvalidArgumentError } from 'commander'
import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from 'diff'
import type {
  GuardOptions,
  ReadinessProbeSettings,
  RestartingProbeSettings,
  WireOptions,
} from '../../kubernetes/index.js'
import { CommandError, exitCodes } from '../exit-codes.js'
import { withHelp } from '../help.js'
import { readSources } from '../input.js'
import { replaceFile } from '../replace-file.js'
import type { Session } from '../session.js'
import { type WiredSource, wireSources } from '../wire-sources.js'
import { joined } from '../yaml/joined.js'
import { collected, oneOf, probeSettings, wholeNumber, words } from './settings.js'

interface Flags {
  container?: string[]
  allContainers?: true
  ifPresent?: true
  installer?: 'init-container' | 'image'
  image?: string
  name?: string
  directory?: string
  region?: string
  expect?: string[]
  min?: number
  via?: 'exec' | 'httpGet'
  startup?: RestartingProbeSettings | boolean
  liveness?: RestartingProbeSettings | boolean
  readiness?: RestartingProbeSettings | boolean
  guard?: true
  restart?: number
  restartBudget?: string
  signal?: string
  grace?: string
  guardFlag?: string[]
  auto?: true
  command?: string[]
  port?: number
  address?: string
  replace?: true
  runAsUser?: number | 'inherit'
  diff?: true
  inPlace?: true
}

export function wireCommand(session: Session): Command {
  const command = new Command('wire')
    .description('add probes, the installer and the guard to the pods of YAML or JSON manifests')
    .argument('[files...]', 'manifests; none or -: standard input (kustomize, Helm 3 --post-renderer)')
    .option('--container <name>', 'a container to wire; may be repeated (default: the only one)', collected)
    .option('--all-containers', 'wire all of them')
    .option('--if-present', 'a --container that is in no pod is no error (default: exit 4, nothing is written)')
    .option('--replace', 'replace probes, guard flags and variables that are there and differ')
    .option('--diff', 'print what would change; exit 1 if anything would')
    .option('--in-place', 'write the files')
    .option('--via <how>', 'exec or httpGet (which needs the guard, and adds it)', oneOf('exec', 'httpGet'))
    .option('--startup <settings>', 'such as periodSeconds=5,failureThreshold=12', probeSettings)
    .option('--no-startup', 'leave the startupProbe as it is')
    .option('--liveness <settings>', 'such as periodSeconds=1,failureThreshold=2', probeSettings)
    .option('--no-liveness', 'leave the livenessProbe as it is')
    .option('--readiness <settings>', 'such as periodSeconds=1,failureThreshold=2', probeSettings)
    .option('--no-readiness', 'leave the readinessProbe as it is')
    .option('--region <name>', "of a single container (default: its variable, else the container's name)")
    .option('--expect <names>', 'workers that must be there and pass: A,B (of a single container)', namesOf)
    .option('--min <n>', 'so many passing workers will do, and no fewer (default: all must pass)', wholeNumber)
    .option('--guard', 'make shm-guard the entrypoint')
    .option('--restart <n>', 'the guard restarts the program in place, up to n times', wholeNumber)
    .option('--restart-budget <dur>', 'how long probes forgive each such restart')
    .option('--signal <sig>', 'what the guard sends a stalled program first (default: ABRT)')
    .option('--grace <dur>', 'SIGKILL so long after it (default: 5s)')
    .option('--guard-flag <flag>', 'a flag of shm-guard that has no option here; may be repeated', collected)
    .option('--auto', 'have Node.js programs beat unchanged: NODE_OPTIONS imports a module that is installed, too')
    .option(
      '--command <words>',
      "the image's ENTRYPOINT, and its CMD unless the pod has args; for one container without command; a JSON list, or words",
      words,
    )
    .option('--port <n>', "the first guard's port (default: 9808)", wholeNumber)
    .option('--address <address>', 'where guards listen, such as [::] (default: 0.0.0.0)')
    .option(
      '--installer <how>',
      "init-container, or image: the executables are in --directory of the container's image (default: init-container)",
      oneOf('init-container', 'image'),
    )
    .option('--image <image>', 'holds the executables (default: shm-liveness, of this version)')
    .option('--name <name>', 'of the init container and the volume (default: shm-liveness)')
    .option('--directory <path>', 'where the executables are mounted (default: /shm-liveness)')
    .option('--run-as-user <uid>', 'of the init container; inherit: none (default: 65532)', userOf)
    .action(async (files: string[], flags: Flags) => {
      if (flags.inPlace && flags.diff) throw new CommandError(exitCodes.usage, 'either --diff or --in-place')
      if (flags.inPlace && (files.length === 0 || files.includes('-'))) {
        throw new CommandError(exitCodes.usage, '--in-place needs files')
      }
      if (flags.ifPresent && !flags.container) throw new CommandError(exitCodes.usage, '--if-present needs --container')
      const read = await readSources(files, session.streams.stdin)
      const { sources: wired, warnings } = wireSources(read, optionsOf(flags), flags.ifPresent === true)
      for (const warning of warnings) session.streams.stderr.write(`shm-liveness: warning: ${warning}\n`)
      if (flags.diff) printDiff(session, wired)
      else if (flags.inPlace) writeFiles(wired)
      else session.streams.stdout.write(joined(wired.map(({ text }) => text)))
    })
  return withHelp(command, {
    exits: {
      ok: 'done, or with --diff: nothing would change',
      found: 'with --diff: something would change',
      unreadable: true,
      refused: 'a pod cannot be wired as it is, or a --container is in none; nothing was written',
    },
    examples: [
      [
        'shm-liveness wire --container camera --image registry.example/shm-liveness:1 deployment.yaml',
        'to standard output',
      ],
      [
        'shm-liveness wire --via httpGet --restart 3 --in-place deployment.yaml',
        'the guard as entrypoint, asked by HTTP',
      ],
    ],
  })
}

function optionsOf(flags: Flags): WireOptions {
  const { container, allContainers, ifPresent, startup, liveness, readiness, diff, inPlace, ...rest } = flags
  const { guard, restart, restartBudget, signal, grace, guardFlag, ...options } = rest
  if (allContainers && container) throw new CommandError(exitCodes.usage, 'either --container or --all-containers')
  const guardOptions: GuardOptions = { restart, restartBudget, signal, grace, flags: guardFlag }
  const isGuarded = guard || Object.values(guardOptions).some((value) => value !== undefined)
  return {
    ...options,
    containers: allContainers ? 'all' : container,
    startup: settingsOf(startup),
    liveness: settingsOf(liveness),
    readiness: settingsOf(readiness) as ReadinessProbeSettings | false | undefined,
    guard: isGuarded ? guardOptions : undefined,
  }
}

/** commander has true for a flag whose negation alone is declared with it, and was not given. */
function settingsOf(flag: RestartingProbeSettings | boolean | undefined): RestartingProbeSettings | false | undefined {
  return flag === true ? undefined : flag
}

function namesOf(text: string): string[] {
  return text.split(',')
}

function userOf(text: string): number | 'inherit' {
  if (text === 'inherit') return text
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Write a user id, or inherit.')
  return Number(text)
}

function printDiff(session: Session, wired: WiredSource[]): void {
  const changed = wired.filter(({ source, text }) => source.text !== text)
  for (const { source, text } of changed) {
    const patch = structuredPatch(source.name, source.name, source.text, text, undefined, undefined, { context: 3 })
    session.streams.stdout.write(formatPatch(patch, FILE_HEADERS_ONLY))
  }
  if (changed.length > 0) session.status = exitCodes.found
}

function writeFiles(wired: WiredSource[]): void {
  for (const { source, text } of wired) {
    if (source.file === undefined || source.text === text) continue
    try {
      replaceFile(source.file, text)
    } catch (cause) {
      throw new CommandError(exitCodes.unreadable, `${source.file}: cannot be written: ${(cause as Error).message}`, {
        cause,
      })
    }
  }
}
