/** Who may talk to whom: nothing that is not named here, as far as the cluster's network plugin carries policies out. */
import type { V1NetworkPolicy, V1NetworkPolicyPeer, V1NetworkPolicySpec } from '@kubernetes/client-node'
import type { CiConfig } from '../../config/ci-schema.js'
import type { Manifest } from '../manifest.js'
import {
  componentLabel,
  daemonName,
  daemonPort,
  guardPort,
  localRegistryName,
  metadataOf,
  proxyName,
  registryPort,
  selectorOf,
  watchPort,
} from '../names.js'

export function networkPolicies(config: CiConfig): Manifest[] {
  const { proxies, localRegistry, namespace, agentNamespace, agents } = config
  const policy = (
    name: string,
    spec: PolicySpec,
    of = namespace,
  ): Omit<V1NetworkPolicy, 'spec'> & Manifest & { spec: PolicySpec } => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf({ name, namespace: of, component: 'access' }),
    spec,
  })
  return [
    policy(daemonName, daemonSpec(config)),
    ...Object.entries(proxies.upstreams).map(([host, { nodePort }]) =>
      policy(proxyName(host), registrySpec(config, proxyName(host), nodePort)),
    ),
    ...(localRegistry === undefined
      ? []
      : [policy(localRegistryName, registrySpec(config, localRegistryName, localRegistry.nodePort))]),
    ...(Object.keys(agents).length === 0
      ? []
      : [policy('agents', { podSelector: allAgents, policyTypes: ['Ingress'] }, agentNamespace)]),
  ]
}

const podsNamed = (name: string): V1NetworkPolicyPeer => ({ podSelector: { matchLabels: selectorOf(name) } })
const allAgents = { matchLabels: { [componentLabel]: 'agent' } }
const inNamespace = (name: string) => ({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } })
/** client-node calls it `_from`; in YAML and JSON it is `from`. */
type IngressRule = { from: V1NetworkPolicyPeer[]; ports: { port: number; protocol: 'TCP' }[] }
type PolicySpec = Omit<V1NetworkPolicySpec, 'ingress'> & { ingress?: IngressRule[] }

const from = (peers: V1NetworkPolicyPeer[], ...ports: number[]): IngressRule => ({
  from: peers,
  ports: ports.map((port) => ({ port, protocol: 'TCP' })),
})

/**
 * Steps of builds use the daemon's network: they reach the internet, and neither the address of the cloud's metadata, which
 * hands out the node's credentials, nor what else is blocked.
 */
function daemonSpec({ daemon, agentNamespace }: CiConfig): PolicySpec {
  const { blockedEgress, metricsFrom } = daemon
  const agents = { ...inNamespace(agentNamespace), podSelector: allAgents }
  const v4 = blockedEgress.filter((network) => !network.includes(':'))
  const v6 = blockedEgress.filter((network) => network.includes(':'))
  return {
    podSelector: { matchLabels: selectorOf(daemonName) },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [
      from([agents], daemonPort),
      ...(metricsFrom === undefined
        ? []
        : [from([{ namespaceSelector: { matchLabels: metricsFrom } }], guardPort, watchPort)]),
    ],
    egress: [
      {
        to: [
          { ipBlock: { cidr: '0.0.0.0/0', ...(v4.length === 0 ? {} : { except: v4 }) } },
          { ipBlock: { cidr: '::/0', ...(v6.length === 0 ? {} : { except: v6 }) } },
        ],
      },
      // The cluster's DNS, also where it listens at a link-local address (NodeLocal DNSCache: 169.254.20.10).
      {
        ports: [
          { port: 53, protocol: 'UDP' },
          { port: 53, protocol: 'TCP' },
        ],
      },
    ],
  }
}

/** A proxy shows everyone who reaches it what its credentials may read. */
function registrySpec({ nodes, agentNamespace }: CiConfig, name: string, nodePort: number | undefined): PolicySpec {
  const peers: V1NetworkPolicyPeer[] = [
    podsNamed(daemonName),
    { podSelector: { matchLabels: { [componentLabel]: 'cleanup' } } },
    inNamespace(agentNamespace),
    ...(nodePort === undefined ? [] : (nodes?.networks ?? []).map((cidr) => ({ ipBlock: { cidr } }))),
  ]
  return {
    podSelector: { matchLabels: selectorOf(name) },
    policyTypes: ['Ingress'],
    ingress: [from(peers, registryPort)],
  }
}
