import { invalid } from '../errors.js'
import { defaultDirectory, defaultImage, defaultName } from './conventions.js'
import { requireDirectory, requireMountable } from './directory.js'
import { flagName, type GuardOptions, guardFlagsOf, isTexts } from './guard-flags.js'
import { groupsOf, isLoopbackHost } from './listen-address.js'
import { isName, mostExpected, mostWorkers, nameRule } from './names.js'
import type { ReadinessProbeSettings, RestartingProbeSettings } from './settings.js'
import { isFields } from './shape.js'

export type { GuardOptions } from './guard-flags.js'

export interface WireOptions {
  /**
   * Names of the containers to wire, native sidecars (init containers with `restartPolicy: Always`) included, or all
   * of `containers`. @default the only container; an error, if there are several
   */
  containers?: readonly string[] | 'all' | undefined
  /**
   * How the executables come into the container: by an init container, or they are in `directory` of the container's own
   * image. @default 'init-container'; for kinds that may refuse it (Knative) it must be said
   */
  installer?: 'init-container' | 'image' | undefined
  /** The image that holds the executables. @default `localhost/shm-liveness:` and this package's version, as `npm run images` builds it */
  image?: string | undefined
  /** Of the init container and the volume. @default 'shm-liveness' */
  name?: string | undefined
  /** Where the executables are mounted, absolute; a folder of its own, for it hides what the image has there. @default '/shm-liveness' */
  directory?: string | undefined
  /** For a single container. @default what its `SHM_LIVENESS_REGION` says, else the container's name */
  region?: string | undefined
  /**
   * Workers that must be there and pass, for a single container: without it, one that never claims its slot is not
   * missed. @default what its `SHM_LIVENESS_EXPECT` says, else none
   */
  expect?: readonly string[] | undefined
  /** So many passing workers will do, and no fewer. @default what its `SHM_LIVENESS_MIN` says, else all must pass */
  min?: number | undefined
  /** How the kubelet asks; `httpGet` needs the guard, and switches it on. @default 'exec' */
  via?: 'exec' | 'httpGet' | undefined
  /** `false`: leave as it is. @default as {@link probes} has it */
  startup?: RestartingProbeSettings | false | undefined
  /** `false`: leave as it is. @default as {@link probes} has it */
  liveness?: RestartingProbeSettings | false | undefined
  /** `false`: leave as it is. @default as {@link probes} has it; false for pods that run to completion, as in Jobs */
  readiness?: ReadinessProbeSettings | false | undefined
  /** Make `shm-guard` the entrypoint. @default true with httpGet, else false */
  guard?: boolean | GuardOptions | undefined
  /**
   * Have the event loops of Node.js beat by themselves, in programs that nobody changed: NODE_OPTIONS imports a module
   * that the init container installs. It replaces a NODE_OPTIONS of the image; write that one in the pod first, and it is
   * kept. @default false
   */
  auto?: boolean | undefined
  /**
   * What the image runs, for the one container without `command`, which the guard has to start: its ENTRYPOINT with its
   * CMD, or the ENTRYPOINT alone, if there are `args`, which stand for the CMD. An error, if several would take it, or none.
   */
  command?: readonly string[] | undefined
  /** With httpGet: the first guard's port; each further guard of a pod takes the next free one. @default as it is, else 9808 */
  port?: number | undefined
  /**
   * With httpGet: where guards listen, as a literal, and no loopback; `[::]` where pods have only IPv6. @default as it is,
   * else '0.0.0.0'
   */
  address?: string | undefined
  /** Replace probes, guard flags and variables that are there and differ. @default false: they are errors */
  replace?: boolean | undefined
  /** Of the init container; `inherit` says none, for platforms that choose it (OpenShift). @default 65532 */
  runAsUser?: number | 'inherit' | undefined
}

/** Options with their defaults in place, checked. */
export interface WireSettings {
  containers: readonly string[] | 'all' | undefined
  /** undefined: not asked for. */
  installer: 'init-container' | 'image' | undefined
  image: string
  /** Whether the image was asked for, and so replaces another. */
  imageGiven: boolean
  name: string
  directory: string
  region: string | undefined
  expect: readonly string[] | undefined
  min: number | undefined
  via: 'exec' | 'httpGet'
  startup: RestartingProbeSettings | false | undefined
  liveness: RestartingProbeSettings | false | undefined
  readiness: ReadinessProbeSettings | false | undefined
  /** The guard's flags; undefined: no guard was asked for. */
  guardFlags: readonly string[] | undefined
  auto: boolean
  command: readonly string[] | undefined
  /** Of the first guard; undefined: not asked for. */
  port: number | undefined
  /** undefined: not asked for. */
  address: string | undefined
  replace: boolean
  /** undefined: not asked for. */
  runAsUser: number | 'inherit' | undefined
  /** Whether a probe may have a terminationGracePeriodSeconds of its own. */
  hasProbeGrace: boolean
  /** The name of a container without one; undefined: it must have one. */
  unnamed: string | undefined
}

/** @throws LivenessError `INVALID_OPTION` */
export function wireSettings(options: WireOptions): WireSettings {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  const { containers, installer, image, name = defaultName, directory = defaultDirectory, ...others } = options
  const { region, via = 'exec', ...more } = others
  const { startup, liveness, readiness, guard, auto = false, command, port, address, ...rest } = more
  const { replace = false, runAsUser, expect, min, ...unknown } = rest
  for (const key of Object.keys(unknown)) throw invalid('wire', 'options of WireOptions', key)
  requireContainers(containers)
  if (via !== 'exec' && via !== 'httpGet') throw invalid('via', 'exec or httpGet', via)
  if (image !== undefined && (typeof image !== 'string' || !/^[^\s]+$/.test(image))) {
    throw invalid('image', 'an image reference', image)
  }
  if (installer !== undefined && installer !== 'init-container' && installer !== 'image') {
    throw invalid('installer', 'init-container or image', installer)
  }
  if (installer === 'image') requireDirectory(directory)
  else requireMountable(directory)
  requireAuto(auto, directory)
  requireLabel('name', name)
  if (region !== undefined && !isName(region)) throw invalid('region', nameRule, region)
  requireExpected(expect, min)
  for (const [what, value] of Object.entries({ region, expect })) {
    if (value !== undefined && (containers === 'all' || (containers ?? []).length > 1)) {
      throw invalid(
        what,
        `no value for several containers: each has ${what === 'region' ? 'a region' : 'workers'} of its own`,
        value,
      )
    }
  }
  if (command !== undefined && (!isTexts(command) || command.length === 0)) {
    throw invalid('command', 'a list of texts that is not empty', command)
  }
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65535)) {
    throw invalid('port', 'a port from 1 to 65535', port)
  }
  if (address !== undefined) requireAddress(address, via)
  if (typeof replace !== 'boolean') throw invalid('replace', 'true or false', replace)
  if (runAsUser !== undefined && runAsUser !== 'inherit' && (!Number.isInteger(runAsUser) || runAsUser < 1)) {
    throw invalid('runAsUser', "a user id above 0, or 'inherit'", runAsUser)
  }
  if (via === 'httpGet' && guard === false) throw invalid('guard', 'the guard, which answers httpGet', guard)
  const guardFlags = guard || via === 'httpGet' ? guardFlagsOf(isFields(guard) ? guard : {}) : undefined
  requireUse({ port, address }, via === 'httpGet', 'no value without via httpGet (--via), where the guard is asked')
  requireUse(
    { command: command?.join(' ') },
    guardFlags !== undefined,
    'no value without the guard (--guard), which starts it',
  )
  requireUse(
    { image, name: options.name, runAsUser: options.runAsUser },
    installer !== 'image',
    'no value beside installer image (--installer), which adds no init container',
  )
  for (const [what, value] of Object.entries({ expect, min })) {
    if (value !== undefined && guardFlags?.some((flag) => flagName(flag) === `--${what}`)) {
      throw invalid('guard.flags', `no --${what} beside the option, which probes and guard read alike`, value)
    }
  }
  return {
    ...{
      containers,
      installer,
      image: image ?? defaultImage,
      imageGiven: image !== undefined,
      name,
      directory,
      region,
      via,
    },
    ...{ expect, min, startup, liveness, readiness, guardFlags, auto, command, port, address, replace, runAsUser },
    ...{ hasProbeGrace: true, unnamed: undefined },
  }
}

/** An option without effect would let its user believe that it is done. */
function requireUse(options: object, isUsed: boolean, wanted: string): void {
  for (const [what, value] of Object.entries(options)) {
    if (value !== undefined && !isUsed) throw invalid(what, wanted, value)
  }
}

function requireAuto(auto: unknown, directory: string): void {
  if (typeof auto !== 'boolean') throw invalid('auto', 'true or false', auto)
  // NODE_OPTIONS is divided at spaces, and has quotes and backslashes of its own.
  if (auto && /[\s"'\\$]/.test(directory)) {
    throw invalid('directory', 'a path without spaces, quotes, backslashes and $, beside auto (--auto)', directory)
  }
}

function requireContainers(containers: unknown): void {
  if (containers === undefined || containers === 'all') return
  if (!isTexts(containers) || containers.length === 0) throw invalid('containers', "names, or 'all'", containers)
}

function requireExpected(expect: unknown, min: unknown): void {
  if (expect !== undefined && (!isTexts(expect) || expect.length === 0 || expect.length > mostExpected)) {
    throw invalid('expect', `a list of 1 to ${mostExpected} names of workers`, expect)
  }
  for (const name of expect ?? []) if (!isName(name)) throw invalid('expect', `names of ${nameRule}`, name)
  if (min !== undefined && !(Number.isInteger(min) && Number(min) >= 1 && Number(min) <= mostWorkers)) {
    throw invalid('min', `a whole number from 1 to ${mostWorkers}`, min)
  }
}

function requireAddress(address: unknown, via: 'exec' | 'httpGet'): void {
  const isLoopback = typeof address === 'string' ? isLoopbackHost(address) : undefined
  if (isLoopback === undefined) {
    const isBare = typeof address === 'string' && groupsOf(address) !== undefined
    throw invalid(
      'address',
      isBare ? `[${address}], in brackets` : 'an IPv4 address, or an IPv6 one in brackets',
      address,
    )
  }
  if (isLoopback && via === 'httpGet') {
    throw invalid('address', 'one that the kubelet can reach, such as 0.0.0.0 or [::]', address)
  }
}

/** RFC 1123, as the API server wants names of containers and volumes. */
function requireLabel(what: string, name: unknown): void {
  const isLabel = typeof name === 'string' && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)
  if (!isLabel) throw invalid(what, 'up to 63 of a-z 0-9 and - (RFC 1123 label)', name)
}
