/** What wiring changes in one container. */
import { parseDuration } from '../duration.js'
import { guardProgram, kubeletTerminationLog, startupGraceVariable, variableOf } from './conventions.js'
import { guardedCommand, guardedProgram, guardSetting } from './guard.js'
import { isUnsayable } from './guard-flags.js'
import { withMount } from './installer.js'
import { probes, terminationLogFlag } from './probes.js'
import { checkNames, defaultSettings, mergedSettings } from './settings.js'
import { type Fields, isFields, isSame } from './shape.js'
import type { Container, PodSpec, Probe } from './types.js'
import { envOf } from './wire-env.js'
import { listenOf } from './wire-listen.js'
import type { WireSettings } from './wire-options.js'
import { WiringError } from './wiring-error.js'

/** @param ports in use in the pod; a port that is taken here is added */
export function wireContainer(
  container: Container,
  spec: PodSpec,
  settings: WireSettings,
  ports: Set<number>,
  where: string,
): Container {
  const command = commandOf(container, settings, where)
  const wired = { ...container, ...command }
  const listen = settings.via === 'httpGet' ? listenOf(wired, container, settings, ports, where) : undefined
  return {
    ...wired,
    env: envOf(container, settings, listen?.text, isGuarded(wired, settings), where),
    ...mountsOf(container, settings, where),
    ...probesOf(wired, spec, settings, listen?.port, where),
  }
}

function mountsOf(container: Container, settings: WireSettings, where: string): Partial<Container> {
  if (settings.installer === 'image') return {}
  return { volumeMounts: withMount(container, settings, { readOnly: true }, where) }
}

const isGuarded = (container: Container, settings: WireSettings): boolean =>
  settings.guardFlags !== undefined || guardedCommand(container) !== undefined

function probesOf(
  container: Container,
  spec: PodSpec,
  settings: WireSettings,
  port: number | undefined,
  where: string,
): Partial<Container> {
  // Behind no Service, readiness would only cost its execs.
  const runsToCompletion = spec.restartPolicy === 'Never' || spec.restartPolicy === 'OnFailure'
  const wanted = probes({
    via: settings.via,
    guard: isGuarded(container, settings),
    directory: settings.directory,
    port,
    terminationLog: container.terminationMessagePath || undefined,
    startup: withRoomFor(container, settings.startup),
    liveness: settings.liveness,
    readiness: settings.readiness ?? (runsToCompletion ? false : undefined),
  })
  const wired: Partial<Container> = {}
  for (const check of checkNames) {
    const field = `${check}Probe` as const
    const there = container[field]
    const probe = settings.hasProbeGrace ? wanted[field] : withoutGrace(wanted[field])
    if (probe === undefined) continue
    if (isFields(there) && isSame(withoutDefaults(there), withoutDefaults(probe))) continue
    if (isFields(there) && !settings.replace) {
      throw new WiringError(
        'PROBE_EXISTS',
        `${where}: it has a ${field} already; replace it (--replace) or leave it alone (--no-${check})`,
      )
    }
    wired[field] = probe
  }
  return wired
}

function withoutGrace(probe: Probe | undefined): Probe | undefined {
  if (probe === undefined) return undefined
  const { terminationGracePeriodSeconds: _, ...rest } = probe
  return rest
}

/** A worker that was given a grace to start in, by whichever program, gets a startup probe that gives up no sooner. */
function withRoomFor(container: Container, settings: WireSettings['startup']): WireSettings['startup'] {
  const graces = [variableOf(container, startupGraceVariable), guardSetting(container, 'startup-grace')]
  const known = graces.map((text) => parseDuration(text ?? '')).filter((ns) => ns !== undefined)
  const graceNs = known.length === 0 ? undefined : Math.max(...known)
  if (graceNs === undefined || settings === false || settings?.failureThreshold !== undefined) return settings
  const { periodSeconds = 1, failureThreshold = 1 } = mergedSettings(
    'startup',
    defaultSettings('startup', false),
    settings,
  )
  return { ...settings, failureThreshold: Math.max(failureThreshold, Math.ceil(graceNs / 1e9 / periodSeconds)) }
}

/** Without what the API server adds by itself, so that a live object's probe is known again. */
function withoutDefaults(probe: Probe | Fields): Fields {
  const { successThreshold, initialDelaySeconds, httpGet, ...rest } = probe as Fields
  const { scheme, ...get } = isFields(httpGet) ? httpGet : {}
  return {
    ...rest,
    ...(successThreshold === undefined || successThreshold === 1 ? {} : { successThreshold }),
    ...(initialDelaySeconds === undefined || initialDelaySeconds === 0 ? {} : { initialDelaySeconds }),
    ...(httpGet === undefined ? {} : { httpGet: scheme === undefined || scheme === 'HTTP' ? get : httpGet }),
  }
}

/** Whether a container that is to be guarded says nothing itself of what it runs, and is given `command`. */
export function takesCommand(container: Container, { guardFlags, command }: WireSettings): boolean {
  return guardFlags !== undefined && command !== undefined && !container.command?.length
}

/** Whether a container has what was asked for as `command`, from an earlier wiring. */
export function hasCommand(container: Container, { command }: WireSettings): boolean {
  return guardedCommand(container) !== undefined && isSame(guardedProgram(container)?.command, command)
}

/** The guard before what the container runs; `args` follow `command` in the kubelet, and stay where they are. */
function commandOf(
  container: Container,
  settings: WireSettings,
  where: string,
): Pick<Container, 'command' | 'args'> | undefined {
  if (settings.guardFlags === undefined) return undefined
  const flags = [...settings.guardFlags, ...terminationLogOf(container)]
  const guard = [`${settings.directory}/${guardProgram}`, ...flags, '--']
  const guarded = guardedCommand(container)
  if (guarded !== undefined) {
    if (isSame(guarded.flags, flags)) return undefined
    const program = guardedProgram(container)
    if (settings.replace && program !== undefined) {
      const command = [...guard, ...program.command]
      return isSame(program.args, container.args ?? []) ? { command } : { command, args: program.args }
    }
    throw new WiringError(
      'GUARD_EXISTS',
      `${where}: it runs ${guardProgram} already, with other flags (${guarded.flags.join(' ') || 'none'}); ` +
        (program === undefined
          ? "end the guard's flags with -- first"
          : guarded.flags.some(isUnsayable)
            ? 'replace them (--replace): among them are such as wire cannot give'
            : 'replace them (--replace) or give the same'),
    )
  }
  const program = takesCommand(container, settings) ? settings.command : container.command
  if (!program?.length) {
    const parts = container.args?.length
      ? 'what its image runs (ENTRYPOINT) cannot be seen from here; the guard must be told: give the ENTRYPOINT alone with ' +
        '--command, for the args stay behind it and stand for the CMD'
      : 'what its image runs (ENTRYPOINT and CMD) cannot be seen from here; the guard must be told: give both with --command'
    throw new WiringError('COMMAND_UNKNOWN', `${where}: it has no command, and ${parts}, or write command: in the pod`)
  }
  return { command: [...guard, ...program] }
}

/** The guard writes its outcome on every exit, and where the kubelet reads by default without being told. */
function terminationLogOf({ terminationMessagePath: path }: Container): string[] {
  return !path || path === kubeletTerminationLog ? [] : [terminationLogFlag(path)]
}
