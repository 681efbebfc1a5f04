import { malformedFields } from './field-shapes.js'
import { checkNames } from './settings.js'
import { objectsOf } from './shape.js'
import type { Container, Path, PodSpec } from './types.js'
import { WiringError } from './wiring-error.js'

/** What wiring adds to or replaces; a field of another type would be lost. It leaves all others as they are. */
const changedOfPod = ['containers', 'initContainers', 'volumes']
const changedOfContainer = ['env', 'volumeMounts', 'command', ...checkNames.map((check) => `${check}Probe`)]

/**
 * Fields that wiring changes must be of the API's type, as lint asks of all fields.
 *
 * @throws WiringError `FIELD_MALFORMED`
 */
export function requireWellFormed(spec: PodSpec, targets: ReadonlySet<Container>, owner: string): void {
  // An installer that is there is changed, too.
  const changed = new Set([...targets, ...objectsOf(spec.initContainers)])
  for (const { path, message } of malformedFields(spec)) {
    const container = containerAt(spec, path)
    const isChanged =
      container === undefined
        ? changedOfPod.includes(path[0] as string) && path.length <= 2
        : changed.has(container) && changedOfContainer.includes(path[2] as string) && path.length <= 4
    if (!isChanged) continue
    const where = container === undefined ? owner : `${owner}, container "${container.name}"`
    throw new WiringError('FIELD_MALFORMED', `${where}: ${message}. Fix it and retry.`)
  }
}

/** The container whose field this is; undefined, if it is a field of the pod. */
function containerAt(spec: PodSpec, [list, index, field]: Path): Container | undefined {
  if (field === undefined || (list !== 'containers' && list !== 'initContainers')) return undefined
  return spec[list]?.[index as number]
}
