import type { V1ConfigMap, V1PodDisruptionBudget, V1Service } from '@kubernetes/client-node'
import type { CiConfig } from '../../config/ci-schema.js'
import type { Manifest } from '../manifest.js'
import { daemonName, daemonPort, metadataOf, selectorOf } from '../names.js'
import { buildkitdToml } from './buildkitd-toml.js'
import { daemonStatefulSet } from './stateful-set.js'

export function daemonManifests(config: CiConfig): Manifest[] {
  return [configMap(config), service(config), disruptionBudget(config), daemonStatefulSet(config)]
}

function configMap(config: CiConfig): V1ConfigMap & Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadataOf({ name: daemonName, namespace: config.namespace, component: 'daemon' }),
    data: { 'buildkitd.toml': buildkitdToml(config) },
  }
}

/**
 * Headless: each daemon has a name of its own, buildkitd-0.buildkitd, which its agents go by. A Service with an address
 * would spread the connections of one build over several daemons.
 */
function service({ namespace }: CiConfig): V1Service & Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf({ name: daemonName, namespace, component: 'daemon' }),
    spec: {
      clusterIP: 'None',
      selector: selectorOf(daemonName),
      ports: [{ name: 'grpc', port: daemonPort, targetPort: 'grpc', protocol: 'TCP' }],
    },
  }
}

/** One at a time: an eviction drains, so it costs no build; a budget of none would stop every drain of a node for ever. */
function disruptionBudget({ namespace }: CiConfig): V1PodDisruptionBudget & Manifest {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadataOf({ name: daemonName, namespace, component: 'daemon' }),
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: selectorOf(daemonName) },
      // A daemon that never became ready runs no builds, and would keep its node from being drained.
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  }
}
