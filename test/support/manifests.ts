import type { Container, PodSpec } from 'shm-liveness/kubernetes'

export interface Pod {
  apiVersion: string
  kind: string
  metadata: { name: string; annotations?: Record<string, string> }
  spec: PodSpec
}

/** A container with a name and an image, and what a test is about. */
export function container(fields: Partial<Container> = {}): Container {
  return { name: 'camera', image: 'camera:1', ...fields }
}

export function podOf(spec: Partial<PodSpec> = {}, annotations?: Record<string, string>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'camera', ...(annotations && { annotations }) },
    spec: { containers: [container()], ...spec },
  }
}

/** So that whoever changes it is found out. */
export function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value)
    for (const inner of Object.values(value)) frozen(inner)
  }
  return value
}

/** A container of a pod by its name. */
export function named(pod: { spec: PodSpec }, name: string): Container {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
  const found = all.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no container ${name}`)
  return found
}
