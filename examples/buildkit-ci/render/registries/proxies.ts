import { stringify } from 'yaml'
import type { CiConfig } from '../../config/ci-schema.js'
import { proxyConfig } from '../../registry/local/distribution-config.js'
import type { Manifest } from '../manifest.js'
import { proxyName, registryPort } from '../names.js'
import { registryConfigDirectory, registryDataDirectory, registryManifests } from './workload.js'

/** Docker Hub's API is not at the name that images have. */
const hubApi = 'https://registry-1.docker.io'

const configFile = 'config.yml'

/** One for each upstream: distribution's proxy has a single one, and each has its own volume and credentials. */
export function proxyManifests(config: CiConfig): Manifest[] {
  const { image, upstreams } = config.proxies
  return Object.entries(upstreams).flatMap(([host, upstream]) =>
    registryManifests(config, {
      name: proxyName(host),
      component: 'proxy',
      image,
      args: ['serve', `${registryConfigDirectory}/${configFile}`],
      file: {
        name: configFile,
        text: fileOf(host, upstream),
      },
      env: environmentOf(upstream),
      size: upstream.size,
      storageClass: upstream.storageClass,
      nodePort: upstream.nodePort,
      healthPath: '/',
    }),
  )
}

export function upstreamUrl(host: string): string {
  return host === 'docker.io' ? hubApi : `https://${host}`
}

type Upstream = CiConfig['proxies']['upstreams'][string]

/** The time is in the file: registries that do not know the key ignore its variable, and only say so in the log. */
function fileOf(host: string, { remoteUrl, ttl }: Upstream): string {
  const config = proxyConfig({
    listen: `:${registryPort}`,
    storageDirectory: registryDataDirectory,
    upstreamUrl: remoteUrl ?? upstreamUrl(host),
  }) as { proxy: object }
  return stringify({ ...config, proxy: { ...config.proxy, ttl: ttl.text } })
}

function environmentOf({ credentialsSecret: secret }: Upstream) {
  const from = (name: string, key: string, of: string) => ({ name, valueFrom: { secretKeyRef: { name: of, key } } })
  return [
    { name: 'OTEL_TRACES_EXPORTER', value: 'none' },
    ...(secret === undefined
      ? []
      : [from('REGISTRY_PROXY_USERNAME', 'username', secret), from('REGISTRY_PROXY_PASSWORD', 'password', secret)]),
  ]
}
