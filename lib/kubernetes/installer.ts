/** The init container that brings the executables, and the volume that it fills. */
import { installerUser, probeProgram, runs } from './conventions.js'
import { allContainers } from './guard.js'
import { billionthsOf } from './quantity.js'
import { type Fields, isFields, objectsOf } from './shape.js'
import type { Container, PodSpec, Volume, VolumeMount } from './types.js'
import type { WireSettings } from './wire-options.js'
import { WiringError } from './wiring-error.js'

/** Below 32 MiB some runtimes cannot start a container; a tenth of a CPU starts it without a second of throttling. */
const limits = { cpu: '100m', memory: '32Mi' }
/**
 * A pod's request is the most of what an init container asks for and what its containers ask for together: so little
 * raises the smallest pods only.
 */
const requests = { ...limits, cpu: '10m' }

/** What the restricted Pod Security level asks of a container. */
const restricted = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

export function isInstaller(container: Container): boolean {
  return runs(probeProgram, container.command) && container.command?.includes('--install') === true
}

/**
 * Puts the installer first, since a native sidecar behind it may need the executables; and its volume last.
 *
 * A probe whose program is missing is "Unknown" to the kubelet, which drops it and never restarts anything
 * (kubernetes#106682). So the init container runs the copy's self-test: without it the pod does not start.
 */
export function withInstaller(spec: PodSpec, settings: WireSettings, where: string): PodSpec {
  const others = objectsOf(spec.initContainers)
  const existing = others.find(({ name }) => name === settings.name)
  const namesake = existing ?? allContainers(spec).find(({ name }) => name === settings.name)
  if (namesake !== undefined && !isInstaller(namesake)) {
    throw new WiringError(
      'INIT_CONTAINER_IN_USE',
      `${where}: a container "${settings.name}" is there already and does something else; choose another name (--name)`,
    )
  }
  if (settings.installer === 'image') {
    if (existing === undefined) return spec
    throw new WiringError(
      'INIT_CONTAINER_IN_USE',
      `${where}: the init container "${settings.name}" installs the executables already; remove it with its volume and ` +
        'mounts, which hide those of the image, or leave out --installer image',
    )
  }
  const installer = existing === undefined ? made(spec, settings) : kept(existing, settings, where)
  const initContainers = [installer, ...others.filter((container) => container !== existing)]
  return { ...spec, initContainers, volumes: withVolume(objectsOf(spec.volumes), settings, where) }
}

function made(spec: PodSpec, settings: WireSettings): Container {
  const { name, image, directory } = settings
  return {
    name,
    image,
    command: installCommand(directory),
    volumeMounts: [{ name, mountPath: directory }],
    ...resourcesOf(spec),
    // What stands in the way of the install is a line on standard error; so the pod's status says it, too.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    securityContext: { ...userOf(settings.runAsUser ?? installerUser), ...restricted },
  }
}

function userOf(runAsUser: number | 'inherit'): { runAsUser?: number; runAsGroup?: number } {
  return runAsUser === 'inherit' ? {} : { runAsUser, runAsGroup: runAsUser }
}

/**
 * None beside the pod's own, which bound all of its containers and alone decide its class: the API refuses a container
 * with a limit above the pod's.
 */
function resourcesOf(spec: PodSpec): Pick<Container, 'resources'> {
  const hasOwn = [spec.resources?.limits, spec.resources?.requests].some((amounts) => isFields(amounts))
  if (hasOwn) return {}
  return { resources: { requests: { ...(isGuaranteed(spec) ? limits : requests) }, limits: { ...limits } } }
}

/**
 * Whether all containers ask for exactly their limits, which is what keeps a pod from eviction longest, and gives it CPUs
 * of its own. As the kubelet counts: what is zero is not given, and ephemeral containers have no say.
 */
function isGuaranteed({ containers, initContainers }: PodSpec): boolean {
  return [...objectsOf(initContainers), ...objectsOf(containers)].every(({ resources }) =>
    ['cpu', 'memory'].every((name) => {
      const limit = billionthsOf(resources?.limits?.[name])
      const request = resources?.requests?.[name]
      return limit !== undefined && limit > 0n && (request == null || billionthsOf(request) === limit)
    }),
  )
}

/** An installer that is there keeps what was changed in it by hand, but for what was asked for now. */
function kept(existing: Container, settings: WireSettings, where: string): Container {
  const { runAsUser: _, runAsGroup: __, ...others } = (existing.securityContext ?? {}) as Fields
  return {
    ...existing,
    ...(settings.imageGiven ? { image: settings.image } : {}),
    ...(settings.runAsUser === undefined ? {} : { securityContext: { ...userOf(settings.runAsUser), ...others } }),
    command: [existing.command?.[0] ?? '', ...installCommand(settings.directory).slice(1)],
    volumeMounts: withMount(existing, settings, { readOnly: false }, where),
  }
}

function installCommand(directory: string): string[] {
  return [`/${probeProgram}`, '--install', directory]
}

function withVolume(volumes: Volume[], settings: WireSettings, where: string): Volume[] {
  const existing = volumes.find(({ name }) => name === settings.name)
  if (existing === undefined) return [...volumes, { name: settings.name, emptyDir: {} }]
  if (isEmptyDir(existing)) return volumes
  throw new WiringError(
    'VOLUME_IN_USE',
    `${where}: the volume "${settings.name}" is there already and is no emptyDir; choose another name (--name)`,
  )
}

/** A volume that names no source is an emptyDir (`SetDefaults_Volume`). */
export function isEmptyDir(volume: Volume): boolean {
  return Object.entries(volume).every(([key, value]) => key === 'name' || key === 'emptyDir' || value === null)
}

/** A container's mounts with the installer's volume among them. */
export function withMount(
  container: Container,
  settings: WireSettings,
  { readOnly }: { readOnly: boolean },
  where: string,
): VolumeMount[] {
  const mounts = objectsOf(container.volumeMounts)
  const there = mounts.find(({ mountPath }) => withoutSlash(mountPath) === settings.directory)
  if (there === undefined) {
    const mount = { name: settings.name, mountPath: settings.directory }
    return [...mounts, readOnly ? { ...mount, readOnly } : mount]
  }
  if (there.name === settings.name && !there.subPath && !there.subPathExpr) return mounts
  throw new WiringError(
    'MOUNT_IN_USE',
    `${where}: something else is mounted at ${settings.directory} (volume "${there.name}"); choose another --directory`,
  )
}

function withoutSlash(path: unknown): unknown {
  return typeof path === 'string' && path.length > 1 ? path.replace(/\/+$/, '') : path
}
