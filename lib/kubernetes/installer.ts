/** The init container that brings the executables, and the volume that it fills. */
import { probeProgram, runs } from './conventions.js'
import { allContainers } from './guard.js'
import { isFields, objectsOf } from './shape.js'
import type { Container, PodSpec, Volume, VolumeMount } from './types.js'
import type { WireSettings } from './wire-options.js'
import { WiringError } from './wiring-error.js'

/**
 * Equal requests and limits leave a Guaranteed pod Guaranteed; a pod's containers run after it, so it adds nothing to
 * what the pod asks for. Below 32 MiB some runtimes cannot start a container.
 */
const resources = { cpu: '100m', memory: '32Mi' }

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
  const installer = existing === undefined || settings.replace ? made(settings) : kept(existing, settings, where)
  const initContainers = [installer, ...others.filter((container) => container !== existing)]
  return { ...spec, initContainers, volumes: withVolume(objectsOf(spec.volumes), settings, where) }
}

function made(settings: WireSettings): Container {
  const { name, image, directory, runAsUser } = settings
  const user = runAsUser === 'inherit' ? {} : { runAsUser, runAsGroup: runAsUser }
  return {
    name,
    image,
    command: installCommand(directory),
    volumeMounts: [{ name, mountPath: directory }],
    resources: { requests: { ...resources }, limits: { ...resources } },
    // What stands in the way of the install is a line on standard error; so the pod's status says it, too.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    securityContext: { ...user, ...restricted },
  }
}

/** An installer that is there keeps what was changed in it by hand; image and directory are as asked for. */
function kept(existing: Container, settings: WireSettings, where: string): Container {
  return {
    ...existing,
    ...(settings.imageGiven ? { image: settings.image } : {}),
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

export function isWindows(spec: PodSpec): boolean {
  const selected = isFields(spec.nodeSelector) ? spec.nodeSelector['kubernetes.io/os'] : undefined
  return spec.os?.name === 'windows' || selected === 'windows'
}
