import type { V1ResourceRequirements } from '@kubernetes/client-node'
import type { BuildFile, TierName } from '../config/build-file.js'
import type { Executor, KubernetesOptions } from '../config/executor-config.js'
import { RunnerError } from '../model/runner-error.js'

/** As the API writes it: `500m`, `2`. */
function cpuQuantity(cores: number): string {
  return Number.isInteger(cores) ? String(cores) : `${Math.round(cores * 1000)}m`
}

/** The article's "GB" are executor-k8s's `Gi`. */
function gibQuantity(gib: number): string {
  return Number.isInteger(gib) ? `${gib}Gi` : `${Math.round(gib * 1024)}Mi`
}

export interface Sizes {
  cpu: TierName
  memory: TierName
  disk: TierName
}

/**
 * Requests are limits: a Kata virtual machine is as large as the limits and the runtime's overhead say, and what is not
 * requested is not there when the node is full.
 */
export function resourcesOf(sizes: Sizes, { resources }: KubernetesOptions): V1ResourceRequirements {
  const amounts = {
    cpu: cpuQuantity(resources.cpu[sizes.cpu]),
    memory: gibQuantity(resources.memory[sizes.memory]),
    'ephemeral-storage': gibQuantity(resources.disk[sizes.disk]),
  }
  return { requests: amounts, limits: { ...amounts } }
}

/** What a volume of a disk tier may hold. */
export function diskQuantity(tier: TierName, { resources }: KubernetesOptions): string {
  return gibQuantity(resources.disk[tier])
}

/** A build's deadline in seconds. The original cut what was too long; here it is said. */
export function timeoutSeconds(build: BuildFile, { name, kubernetes }: Executor): number {
  const { buildTimeout, maxBuildTimeout } = kubernetes
  const minutes = build.timeout ?? buildTimeout
  if (minutes > maxBuildTimeout) {
    throw new RunnerError(
      'BUILD_INVALID',
      `build ${build.id}: its timeout is ${minutes} minutes, and executor ${name} allows ${maxBuildTimeout} (maxBuildTimeout)`,
      `lower the build's timeout to at most ${maxBuildTimeout}`,
    )
  }
  return minutes * 60
}
