import { stringify } from 'smol-toml'
import type { CiConfig } from '../../config/ci-schema.js'
import { daemonPort, localRegistryName, proxyName, registryPort, serviceHost } from '../names.js'
import { diskPlanOf } from './disk-plan.js'
import { dataDirectory, socketAddress, tlsDirectory } from './paths.js'

/** What is cheapest to make again: contexts, checkouts, `RUN --mount=type=cache`. BuildKit's own first policy has them. */
const reproducible = ['type==source.local', 'type==exec.cachemount', 'type==source.git.checkout']

/** The daemon's file, whose keys are in moby/buildkit's `cmd/buildkitd/config/config.go`. */
export function buildkitdToml(config: CiConfig): string {
  const { isolation } = config.daemon
  return stringify({
    root: dataDirectory(isolation),
    grpc: {
      // TLS is for TCP alone.
      address: [socketAddress, `tcp://0.0.0.0:${daemonPort}`],
      tls: { cert: `${tlsDirectory}/cert.pem`, key: `${tlsDirectory}/key.pem`, ca: `${tlsDirectory}/ca.pem` },
    },
    worker: { oci: workerOf(config), containerd: { enabled: false } },
    registry: registriesOf(config),
  })
}

function workerOf({ daemon }: CiConfig) {
  const { gc, isolation, maxParallelism } = daemon
  const { reservedBytes, mostUsedBytes, leastFree, cacheMountsBeyondBytes } = diskPlanOf(daemon)
  const bounds = { reservedSpace: reservedBytes, maxUsedSpace: mostUsedBytes, minFreeSpace: leastFree }
  return {
    enabled: true,
    gc: true,
    // Kubernetes always masks /proc for such a container, so a step can have no /proc and no PID namespace of its own.
    ...(isolation === 'rootless' ? { rootless: true, noProcessSandbox: true } : {}),
    ...(maxParallelism === undefined ? {} : { 'max-parallelism': maxParallelism }),
    gcpolicy: [
      // A policy's maxUsedSpace is compared with the whole cache, whatever its filters are (`cacheManager.prune`).
      { filters: reproducible, keepDuration: gc.cacheMounts.unusedFor.text, maxUsedSpace: cacheMountsBeyondBytes },
      { keepDuration: gc.unusedFor.text, ...bounds },
      bounds,
      // Also what is shared with images that are kept, and internal: only when the others were not enough.
      { all: true, ...bounds },
    ],
  }
}

function registriesOf({ proxies, localRegistry, namespace }: CiConfig) {
  const hosts = Object.keys(proxies.upstreams)
  const mirrorOf = (host: string): string => `${serviceHost(proxyName(host), namespace)}:${registryPort}`
  const local = `${serviceHost(localRegistryName, namespace)}:${registryPort}`
  const plain = [...hosts.map(mirrorOf), ...(localRegistry === undefined ? [] : [local])]
  return Object.fromEntries([
    ...hosts.map((host) => [host, { mirrors: [mirrorOf(host)] }]),
    // BuildKit looks up a mirror's own section for how it is spoken to (`NewRegistryConfig`).
    ...plain.map((host) => [host, { http: true }]),
  ]) as Record<string, { mirrors: string[] } | { http: boolean }>
}
