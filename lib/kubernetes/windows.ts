/** Whether a pod can only run on Windows, by whatever says so. */
import { allContainers } from './guard.js'
import { type Fields, fieldOf, isFields, objectsOf } from './shape.js'
import type { PodSpec } from './types.js'

const systemLabels = ['kubernetes.io/os', 'beta.kubernetes.io/os']

export function isWindows(spec: PodSpec): boolean {
  const { os, nodeSelector } = spec
  const isSelected = systemLabels.some((label) => isFields(nodeSelector) && nodeSelector[label] === 'windows')
  return os?.name === 'windows' || isSelected || needsWindowsNode(spec) || hasWindowsOptions(spec)
}

/** Of the terms one has to hold, of a term's expressions all. */
function needsWindowsNode(spec: PodSpec): boolean {
  const required = fieldAt(spec, 'affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution')
  const terms = objectsOf(fieldAt(required, 'nodeSelectorTerms') as Fields[])
  return terms.length > 0 && terms.every((term) => objectsOf(term['matchExpressions'] as Fields[]).some(demandsWindows))
}

function demandsWindows({ key, operator, values }: Fields): boolean {
  if (!systemLabels.includes(key as string) || !Array.isArray(values)) return false
  if (operator === 'NotIn') return values.includes('linux')
  return operator === 'In' && values.length > 0 && values.every((value) => value === 'windows')
}

/** The API refuses them on Linux. */
function hasWindowsOptions(spec: PodSpec): boolean {
  return [spec, ...allContainers(spec)].some((holder) => {
    const options = fieldAt(holder, 'securityContext', 'windowsOptions')
    return isFields(options) && Object.keys(options).length > 0
  })
}

function fieldAt(holder: unknown, ...names: string[]): unknown {
  return names.reduce((value, name) => (isFields(value) ? fieldOf(value, name) : undefined), holder)
}
