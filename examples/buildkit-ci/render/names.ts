/** Names of what is rendered, and the labels that Services, policies and people find it by. */
import { createHash } from 'node:crypto'

export const daemonName = 'buildkitd'
/** Of an agent's objects, by its name in ci.yaml. */
export const agentName = (name: string): string => `agent-${name}`
export const localRegistryName = 'registry'
export const cleanupName = 'registry-cleanup'
export const binfmtName = 'binfmt'
export const hostsName = 'registry-hosts'

export const daemonPort = 1234
/** The guard's, `wire`'s first: /livez and metrics. */
export const guardPort = 9808
/** The watcher's: /drain and metrics. */
export const watchPort = 9809
export const registryPort = 5000

export const proxyName = (host: string): string => `proxy-${partOf(host)}`
/** Of the CronJob that cleans a registry, and of its ConfigMap. */
export const cleanupNameOf = (host: string): string => `${cleanupName}-${partOf(host)}`

/**
 * So much of a host is readable in a name. The API server takes 52 characters of a CronJob's name (`ValidateCronJobCreate`)
 * and of a StatefulSet's: its pods have the name and a hash in a label (`controller-revision-hash`).
 */
const readableCharacters = 24

/** A short host without hyphens and ports reads well as a part of a name. Any other has a hash, so that no two are the same. */
function partOf(host: string): string {
  const readable = host.replaceAll(/[.:]/g, '-')
  if (readable.length <= readableCharacters && /^[a-z0-9.]+$/.test(host)) return readable
  const hash = createHash('sha256').update(host).digest('hex').slice(0, 6)
  return `${readable.slice(0, readableCharacters).replace(/-+$/, '')}-${hash}`
}

/** A Service as pods reach it, whatever the cluster's domain is. */
export function serviceHost(service: string, namespace: string): string {
  return `${service}.${namespace}.svc`
}

const nameLabel = 'app.kubernetes.io/name'

export function selectorOf(name: string): Record<string, string> {
  return { [nameLabel]: name }
}

export function labelsOf(name: string, component: string): Record<string, string> {
  return {
    [nameLabel]: name,
    'app.kubernetes.io/component': component,
    'app.kubernetes.io/part-of': 'buildkit-ci',
    'app.kubernetes.io/managed-by': 'buildkit-ci',
  }
}

export interface Named {
  name: string
  namespace: string
  component: Component
}

export const components = ['daemon', 'proxy', 'registry', 'cleanup', 'emulation', 'nodes', 'agent', 'access'] as const
export type Component = (typeof components)[number]

export const componentLabel = 'app.kubernetes.io/component'

export function metadataOf({ name, namespace, component }: Named) {
  return { name, namespace, labels: labelsOf(name, component) }
}
