import type { KubeObject } from './objects.js'
import type { Resource } from './resources.js'
import { Refusal } from './status.js'

export type Matcher = (object: KubeObject) => boolean

// A comma within parentheses separates values, not requirements.
const requirementsOf = (selector: string): string[] =>
  selector
    .split(/,(?![^(]*\))/)
    .map((each) => each.trim())
    .filter((each) => each !== '')

function labelMatcher(requirement: string): (labels: Record<string, string>) => boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(requirement)
  if (set !== null) {
    const [, key, operator, list] = set
    const values = list!.split(',').map((each) => each.trim())
    return (labels) => values.includes(labels[key!] ?? '\0') === (operator === 'in')
  }
  const equality = /^([^!=]+?)\s*(!=|==|=)\s*(\S*)$/.exec(requirement)
  if (equality !== null) {
    const [, key, operator, value] = equality
    return (labels) => (labels[key!] === value) === (operator !== '!=')
  }
  if (/^!?[\w./-]+$/.test(requirement)) {
    const key = requirement.replace(/^!/, '')
    return (labels) => Object.hasOwn(labels, key) !== requirement.startsWith('!')
  }
  throw new Refusal(400, `unable to parse requirement: ${requirement}`)
}

const valueAt = (object: unknown, path: string): string => {
  let value = object
  for (const part of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[part]
  return value === undefined || value === null ? '' : String(value)
}

function fieldMatcher(resource: Resource, requirement: string): Matcher {
  const [, path, operator, value] = /^([^!=]+)(!=|==|=)(.*)$/.exec(requirement) ?? []
  if (path === undefined)
    throw new Refusal(400, `invalid selector: '${requirement}'; can't understand '${requirement}'`)
  if (!['metadata.name', 'metadata.namespace', ...(resource.fields ?? [])].includes(path))
    throw new Refusal(400, `field label not supported: ${path}`)
  return (object) => (valueAt(object, path) === value) === (operator !== '!=')
}

/** @throws Refusal 400 */
export function matcherOf(resource: Resource, labelSelector = '', fieldSelector = ''): Matcher {
  const byLabel = requirementsOf(labelSelector).map(labelMatcher)
  const byField = requirementsOf(fieldSelector).map((each) => fieldMatcher(resource, each))
  return (object) =>
    byLabel.every((matches) => matches(object.metadata.labels ?? {})) && byField.every((matches) => matches(object))
}
