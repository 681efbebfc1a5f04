import type { CiConfig } from '../config/ci-schema.js'
import { namespaceManifests } from './access/namespaces.js'
import { networkPolicies } from './access/network-policies.js'
import { agentDeployment } from './agent/agent.js'
import { agentAccess } from './agent/rbac.js'
import { daemonManifests } from './daemon/objects.js'
import { binfmtManifests } from './emulation/binfmt.js'
import type { Manifest } from './manifest.js'
import { cleanupManifests } from './registries/cleanup.js'
import { localRegistryManifests } from './registries/local.js'
import { nodeHostsManifests } from './registries/node-hosts.js'
import { proxyManifests } from './registries/proxies.js'

/** All that the config asks for, in an order in which it can be applied: what others need comes first. */
export function manifestsOf(config: CiConfig): Manifest[] {
  const agents = Object.entries(config.agents)
  return [
    ...namespaceManifests(config),
    ...networkPolicies(config),
    ...agents.flatMap(([name, { jobs }]) => agentAccess(config, name, jobs)),
    ...proxyManifests(config),
    ...localRegistryManifests(config),
    ...nodeHostsManifests(config),
    ...binfmtManifests(config),
    ...daemonManifests(config),
    ...agents.map(([name, agent]) => agentDeployment(config, name, agent)),
    ...cleanupManifests(config),
  ]
}
