import { invalid } from '../errors.js'
import { defaultDirectory, firstPort, kubeletTerminationLog, probeProgram } from './conventions.js'
import { requireDirectory } from './directory.js'
import {
  checkNames,
  defaultSettings,
  mergedSettings,
  type ReadinessProbeSettings,
  type RestartingProbeSettings,
} from './settings.js'
import type { Check, ExecProbe, HttpGetProbe } from './types.js'

export interface ProbesOptions {
  /** `httpGet` asks the guard, which must be the container's entrypoint. @default 'exec' */
  via?: 'exec' | 'httpGet' | undefined
  /**
   * The guard reacts first, and the kubelet's liveness probe is what watches over the guard: it asks every 5 s, and
   * waits longer than the guard takes to abort the program. @default true with httpGet, else false
   */
  guard?: boolean | undefined
  /** Where the executables are mounted, absolute. @default '/shm-liveness' */
  directory?: string | undefined
  /** The guard's port, for httpGet. @default 9808 */
  port?: number | undefined
  /** The container's `terminationMessagePath`, absolute. @default the kubelet's, /dev/termination-log */
  terminationLog?: string | undefined
  /** `false`: none. @default every 5 s, 12 times: a minute to start in */
  startup?: RestartingProbeSettings | false | undefined
  /** `false`: none. @default every second, three times; with the guard every 5 s, three times */
  liveness?: RestartingProbeSettings | false | undefined
  /** `false`: none. @default every second, twice */
  readiness?: ReadinessProbeSettings | false | undefined
}

type Answered<Via> = Via extends 'httpGet' ? HttpGetProbe : ExecProbe
type ProbeOf<Options> = Options extends { via?: infer Via } ? Answered<Via> : ExecProbe
type Presence<Options, Name> = Name extends keyof Options
  ? Options[Name] extends false
    ? 'absent'
    : false extends Options[Name]
      ? 'perhaps'
      : 'present'
  : 'present'
type With<Options, Wanted> = {
  [Name in Check as Presence<Options, Name> extends Wanted ? `${Name}Probe` : never]: Name
}

/** What {@link probes} gives: fields of a container, without those that were switched off. */
export type Probes<Options extends ProbesOptions> = {
  [Field in keyof With<Options, 'present'>]: ProbeOf<Options>
} & {
  [Field in keyof With<Options, 'perhaps'>]?: ProbeOf<Options>
}

type NoOthers<Options> = { [Key in Exclude<keyof Options, keyof ProbesOptions>]: never }

/**
 * Startup, liveness and readiness probes for a container whose region is told by its environment
 * (`SHM_LIVENESS_REGION`). Their argv is constant and their paths absolute: a policy for confidential containers can
 * name them, and neither a shell nor a PATH is needed.
 *
 * @example const container = { name: 'camera', image: 'camera:1', ...probes() }
 * @example probes({ via: 'httpGet', port: 9808, readiness: { failureThreshold: 3 }, startup: false })
 * @throws LivenessError `INVALID_OPTION`: a setting that the API server would refuse, or that is unknown
 */
export function probes<const Options extends ProbesOptions = Record<never, never>>(
  options?: Options & NoOthers<Options>,
): Probes<Options> {
  const { via = 'exec', directory = defaultDirectory, port = firstPort, ...checks }: ProbesOptions = options ?? {}
  const { guard = via === 'httpGet', terminationLog, startup, liveness, readiness, ...unknown } = checks
  for (const name of Object.keys(unknown)) throw invalid('probes', 'options of ProbesOptions', name)
  if (via !== 'exec' && via !== 'httpGet') throw invalid('via', 'exec or httpGet', via)
  requireDirectory(directory)
  if (terminationLog !== undefined && !/^\/[^\0]*$/.test(terminationLog)) {
    throw invalid('terminationLog', 'an absolute path', terminationLog)
  }
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw invalid('port', 'a port from 1 to 65535', port)
  const settings = { startup, liveness, readiness }
  const wanted = checkNames.filter((check) => settings[check] !== false)
  const entries = wanted.map((check) => {
    const timing = mergedSettings(check, defaultSettings(check, guard), settings[check])
    const handler =
      via === 'exec'
        ? { exec: { command: [...commandOf(check, directory, terminationLog), ...timeoutFlag(timing.timeoutSeconds)] } }
        : { httpGet: { path: httpPaths[check], port } }
    return [`${check}Probe`, { ...handler, ...timing }]
  })
  return Object.fromEntries(entries) as Probes<Options>
}

/** Where the guard answers each check. */
export const httpPaths = { startup: '/startupz', liveness: '/livez', readiness: '/readyz' } as const

/** Only a probe that restarts writes the termination log: the record of why. */
function commandOf(check: Check, directory: string, terminationLog: string | undefined): string[] {
  const command = [`${directory}/${probeProgram}`, '--check', check]
  return check === 'readiness' ? command : [...command, terminationLogFlag(terminationLog)]
}

/** shm-probe must know when the kubelet gives up, because it confirms a stall for as long as it may. */
function timeoutFlag(timeoutSeconds: number | undefined): string[] {
  const isDefault = timeoutSeconds === undefined || timeoutSeconds === 1
  return isDefault ? [] : ['--timeout', `${timeoutSeconds}s`]
}

/** The flag of both programs that has them write the record of why; `path` is the container's, if it has its own. */
export function terminationLogFlag(path: string | undefined): string {
  return path === undefined || path === kubeletTerminationLog ? '--termination-log' : `--termination-log=${path}`
}
