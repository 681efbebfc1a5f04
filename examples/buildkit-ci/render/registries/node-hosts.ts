/** containerd's `hosts.toml` for every upstream, and the DaemonSet that puts them on the nodes. */
import type { V1ConfigMap, V1DaemonSet } from '@kubernetes/client-node'
import { stringify } from 'smol-toml'
import type { CiConfig } from '../../config/ci-schema.js'
import { digestOf } from '../digest.js'
import type { Manifest } from '../manifest.js'
import { hostsName, labelsOf, localRegistryName, metadataOf, registryPort, selectorOf, serviceHost } from '../names.js'
import { commonPodFields, pulled, restricted, smallResources } from '../pods.js'
import { upstreamUrl } from './proxies.js'

const sourceDirectory = '/hosts'
const nodeDirectory = '/node'

interface HostFile {
  /** The folder in `/etc/containerd/certs.d`: the registry, as images name it. */
  host: string
  text: string
}

/** containerd tries the proxy, and after it the upstream itself: a proxy that is down costs time, and no pull. */
export function hostFiles({ proxies, localRegistry, nodes, namespace }: CiConfig): HostFile[] {
  if (nodes === undefined) return []
  const at = (port: number): string => `http://${nodes.address}:${port}`
  const capabilities = ['pull', 'resolve']
  const mirrors = Object.entries(proxies.upstreams).flatMap(([host, { nodePort, remoteUrl }]) =>
    nodePort === undefined
      ? []
      : [
          {
            host,
            text: stringify({ server: remoteUrl ?? upstreamUrl(host), host: { [at(nodePort)]: { capabilities } } }),
          },
        ],
  )
  if (localRegistry?.nodePort === undefined) return mirrors
  // No upstream behind it: nodes do not know the Service's name.
  const local = `${serviceHost(localRegistryName, namespace)}:${registryPort}`
  return [
    ...mirrors,
    {
      host: local,
      text: stringify({ server: at(localRegistry.nodePort), host: { [at(localRegistry.nodePort)]: { capabilities } } }),
    },
  ]
}

export function nodeHostsManifests(config: CiConfig): Manifest[] {
  const files = hostFiles(config)
  if (files.length === 0 || config.nodes === undefined) return []
  return [configMapOf(config, files), daemonSetOf(config, config.nodes, files)]
}

/** A key has no slashes and no colons. */
const keyOf = ({ host }: HostFile): string => `${host.replaceAll(':', '_')}.toml`

function configMapOf({ namespace }: CiConfig, files: HostFile[]): V1ConfigMap & Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadataOf({ name: hostsName, namespace, component: 'nodes' }),
    data: Object.fromEntries(files.map((file) => [keyOf(file), file.text])),
  }
}

function daemonSetOf(
  config: CiConfig,
  nodes: NonNullable<CiConfig['nodes']>,
  files: HostFile[],
): V1DaemonSet & Manifest {
  const digest = digestOf(JSON.stringify(files))
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: metadataOf({ name: hostsName, namespace: config.namespace, component: 'nodes' }),
    spec: {
      selector: { matchLabels: selectorOf(hostsName) },
      template: {
        metadata: { labels: labelsOf(hostsName, 'nodes'), annotations: { 'buildkit-ci/config': digest } },
        spec: {
          ...commonPodFields(config),
          // Every node pulls images.
          tolerations: [{ operator: 'Exists' }],
          terminationGracePeriodSeconds: 5,
          containers: [
            {
              name: 'write',
              image: config.images.ci,
              ...pulled,
              // `*` leaves out the folders that a ConfigMap keeps its versions in. containerd reads the files at each pull.
              command: [
                '/bin/sh',
                '-ec',
                `cp -rL ${sourceDirectory}/* ${nodeDirectory}/; trap 'exit 0' TERM; sleep infinity & wait`,
              ],
              resources: smallResources('5m', '32Mi', '16Mi'),
              // The folder is root's on every node.
              securityContext: { ...restricted, runAsUser: 0 },
              volumeMounts: [
                { name: 'hosts', mountPath: sourceDirectory, readOnly: true },
                { name: 'node', mountPath: nodeDirectory },
              ],
            },
          ],
          volumes: [
            {
              name: 'hosts',
              configMap: {
                name: hostsName,
                items: files.map((file) => ({ key: keyOf(file), path: `${file.host}/hosts.toml` })),
              },
            },
            { name: 'node', hostPath: { path: nodes.hostsDirectory, type: 'DirectoryOrCreate' } },
          ],
        },
      },
    },
  }
}
