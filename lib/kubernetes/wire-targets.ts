/** Which containers of a pod are wired. */
import { allContainers } from './guard.js'
import { objectsOf } from './shape.js'
import type { Container, PodSpec } from './types.js'
import type { WireSettings } from './wire-options.js'
import { WiringError } from './wiring-error.js'

export function targetsOf(spec: PodSpec, settings: WireSettings, owner: string): Set<Container> {
  const containers = objectsOf(spec.containers)
  const targets = namedIn(spec, settings, owner) ?? containers
  if (settings.containers === undefined && containers.length !== 1) {
    throw new WiringError(
      'CONTAINER_UNCLEAR',
      `${owner}: it has ${containers.length} containers (${namesOf(spec)}); say which (--container, --all-containers)`,
    )
  }
  const nameless = targets.find(({ name }) => typeof name !== 'string' || name === '')
  if (nameless !== undefined && settings.unnamed === undefined) {
    throw new WiringError('CONTAINER_UNCLEAR', `${owner}: a container has no name, which its region goes by; name it`)
  }
  return new Set(targets)
}

/** The name of a container, or what the platform calls one without. */
export function nameOf({ name }: Container, unnamed: string | undefined): string | undefined {
  return name || unnamed
}

function namedIn(spec: PodSpec, settings: WireSettings, owner: string): Container[] | undefined {
  const { containers: names, unnamed } = settings
  if (names === undefined || names === 'all') return undefined
  const isNamed = (container: Container): boolean => names.includes(nameOf(container, unnamed) ?? '')
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

function namesOf(spec: PodSpec): string {
  return objectsOf(spec.containers)
    .map(({ name }) => name ?? 'a container without a name')
    .join(', ')
}
