import { checkNames } from './settings.js'
import { isFields, objectsOf } from './shape.js'
import type { Container, PodSpec } from './types.js'
import { WiringError } from './wiring-error.js'

/**
 * What wiring adds to must be what the API has there, or it would be lost: a list of objects, a probe, or nothing.
 *
 * @throws WiringError `FIELD_MALFORMED`
 */
export function requireWellFormed(spec: PodSpec, targets: Iterable<Container>, owner: string): void {
  requireObjects(spec, ['containers', 'initContainers', 'volumes'], owner)
  // An installer that is there is changed, too.
  for (const container of new Set([...targets, ...objectsOf(spec.initContainers)])) {
    const where = `${owner}, container "${container.name}"`
    requireObjects(container, ['env', 'volumeMounts'], where)
    if (!isListOf(container.command, (word) => typeof word === 'string'))
      throw malformed(where, 'command', 'a list of texts')
    const probes = checkNames.map((check) => `${check}Probe` as const)
    const odd = probes.find((field) => container[field] != null && !isFields(container[field]))
    if (odd !== undefined) throw malformed(where, odd, 'a probe')
  }
}

function requireObjects<Holder extends object>(holder: Holder, fields: (keyof Holder & string)[], where: string): void {
  const odd = fields.find((field) => !isListOf(holder[field], isFields))
  if (odd !== undefined) throw malformed(where, odd, 'a list of objects')
}

/** Null is "not given" to the API. */
function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return value == null || (Array.isArray(value) && value.every(isItem))
}

function malformed(where: string, field: string, wanted: string): WiringError {
  return new WiringError('FIELD_MALFORMED', `${where}: its ${field} is not ${wanted}; mend it first`)
}
