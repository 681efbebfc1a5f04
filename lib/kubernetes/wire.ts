import { allContainers, portsInUse } from './guard.js'
import { isWindows, withInstaller } from './installer.js'
import { ownerOf, type PodTemplate, podTemplates } from './pod-templates.js'
import { objectsOf, withAt } from './shape.js'
import type { Container, PodSpec } from './types.js'
import { requireWellFormed } from './well-formed.js'
import { wireContainer } from './wire-container.js'
import { type WireOptions, type WireSettings, wireSettings } from './wire-options.js'
import { WiringError } from './wiring-error.js'

/**
 * Adds to every pod template of an object: the init container that installs the executables and tests them, the volume
 * and its mounts, the probes, each container's region (and port), and on request the guard as entrypoint.
 *
 * `containers` picks the containers; templates that have none of them are left alone, unless none has any. Wiring twice
 * changes nothing.
 *
 * @param resource any object with a pod template, a list of such, or a bare pod spec; it is not changed
 * @returns a copy that shares what did not change
 * @throws WiringError if the pod cannot be wired as it is
 * @throws LivenessError `INVALID_OPTION`
 * @example wire(deployment, { containers: ['camera'], guard: { restart: 3 } })
 */
export function wire<Resource extends object>(resource: Resource, options: WireOptions = {}): Resource {
  const settings = wireSettings(options)
  const templates = podTemplates(resource)
  if (templates.length === 0) {
    throw new WiringError('NO_POD_TEMPLATE', 'there is no pod template in it; wire a Pod, or a kind that makes Pods')
  }
  const wanted = templates.filter((template) => hasTarget(template.spec, settings.containers))
  if (wanted.length === 0) {
    const owners = templates.map((template) => `${ownerOf(template)} (${namesOf(template.spec)})`)
    throw new WiringError(
      'CONTAINER_MISSING',
      `no container ${JSON.stringify(settings.containers)} in ${owners.join(', ')}; name one that is there`,
    )
  }
  return wanted.reduce((wired, template) => withAt(wired, template.path, wiredSpec(template, settings)), resource)
}

/** Whether a pod has a container of those names, of any kind. Always, if none are named. */
export function hasTarget(spec: PodSpec, containers: readonly string[] | 'all' | undefined): boolean {
  if (containers === undefined || containers === 'all') return true
  return allContainers(spec).some(({ name }) => name !== undefined && containers.includes(name))
}

function namesOf(spec: PodSpec): string {
  return objectsOf(spec.containers)
    .map(({ name }) => name ?? 'a container without a name')
    .join(', ')
}

function wiredSpec(template: PodTemplate, settings: WireSettings): PodSpec {
  const { spec } = template
  const owner = ownerOf(template)
  if (isWindows(spec)) {
    throw new WiringError('WINDOWS', `${owner}: it runs on Windows, where there is no /dev/shm; leave it out`)
  }
  const targets = targetsOf(spec, settings, owner)
  requireWellFormed(spec, targets, owner)
  const ports = portsInUse(spec)
  const wired = (container: Container): Container => {
    if (!targets.has(container)) return container
    return wireContainer(container, spec, settings, ports, `${owner}, container "${container.name}"`)
  }
  const containers = spec.containers.map(wired)
  const initContainers = objectsOf(spec.initContainers).map(wired)
  return withInstaller({ ...spec, containers, initContainers }, settings, owner)
}

function targetsOf(spec: PodSpec, settings: WireSettings, owner: string): Set<Container> {
  const containers = objectsOf(spec.containers)
  const targets = namedIn(spec, settings.containers, owner) ?? containers
  if (settings.containers === undefined && containers.length !== 1) {
    throw new WiringError(
      'CONTAINER_UNCLEAR',
      `${owner}: it has ${containers.length} containers (${namesOf(spec)}); say which (--container, --all-containers)`,
    )
  }
  const nameless = targets.find(({ name }) => typeof name !== 'string' || name === '')
  if (nameless !== undefined) {
    throw new WiringError('CONTAINER_UNCLEAR', `${owner}: a container has no name, which its region goes by; name it`)
  }
  return new Set(targets)
}

function namedIn(spec: PodSpec, names: WireSettings['containers'], owner: string): Container[] | undefined {
  if (names === undefined || names === 'all') return undefined
  const isNamed = ({ name }: Container): boolean => name !== undefined && names.includes(name)
  const sidecars = objectsOf(spec.initContainers).filter(({ restartPolicy }) => restartPolicy === 'Always')
  const probed = [...sidecars, ...objectsOf(spec.containers)]
  const unprobed = allContainers(spec).find((container) => isNamed(container) && !probed.includes(container))
  if (unprobed !== undefined) {
    throw new WiringError(
      'CONTAINER_KIND',
      `${owner}: "${unprobed.name}" is an ephemeral container, or an init container that ends, and such have no probes; ` +
        'name a container, or an init container with restartPolicy: Always',
    )
  }
  return probed.filter(isNamed)
}
