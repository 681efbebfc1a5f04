/** Who may set which annotation. */
import { dockerAnnotation, executorAnnotation, kernelParametersAnnotation } from './annotation-names.js'

const ownKeys: Record<string, string> = {
  'screwdriver.cd/cpu': 'tier.cpu',
  'screwdriver.cd/ram': 'tier.memory',
  'screwdriver.cd/disk': 'tier.disk',
  'screwdriver.cd/timeout': 'timeout',
}
const known = [executorAnnotation, dockerAnnotation]

/** Whether a build may set it under any executor. */
export function isKnownToRunner(key: string): boolean {
  return known.includes(key)
}

/**
 * Why a build may not set an annotation, whatever an executor permits; undefined, if it may be permitted. Those of Kata choose the hypervisor and its kernel, those
 * of Kubernetes and Kueue speak to the cluster: they are its administrator's.
 */
export function reservedForExecutors(key: string): string | undefined {
  if (ownOf(key)) return "is the runner's own; leave it out"
  const slash = key.indexOf('/')
  const prefix = slash < 0 ? '' : key.slice(0, slash)
  if (prefix === 'screwdriver.cd') {
    if (isKnownToRunner(key)) return undefined
    const instead = Object.hasOwn(ownKeys, key)
      ? `write ${ownKeys[key]} of the build`
      : `there are ${known.join(' and ')}`
    return `is not read here; ${instead}`
  }
  const isCluster = /(^|[.-])(kubernetes\.io|k8s\.io|katacontainers\.io|cncf\.io)$/.test(prefix)
  if (isCluster || key.startsWith('io.katacontainers.') || key.startsWith('io.kubernetes.')) {
    return "is for the cluster's administrator: it belongs into the executor's annotations"
  }
  return undefined
}

/** Why an executor may not set an annotation; undefined, if it may. */
export function reservedForRunner(key: string): string | undefined {
  if (ownOf(key)) return "is the runner's own; leave it out"
  if (key === kernelParametersAnnotation) return 'is made of kernelParameters; write them there'
  return undefined
}

function ownOf(key: string): boolean {
  return key.startsWith('shm-liveness/') || key.startsWith('lint.shm-liveness/')
}
