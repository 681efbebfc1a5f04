import { statusOf } from '../../../kata-build-runner/api/api-error.js'
import { found } from '../../../kata-build-runner/api/found.js'
import { error, type Finding, ok, warning } from '../../../kata-build-runner/cli/checks/finding.js'
import type { CiConfig } from '../../config/ci-schema.js'
import type { Cluster } from '../cluster.js'

interface Wanted {
  name: string
  namespace: string
  keys: string[]
  /** What it is for. */
  use: string
  /** How it is made. */
  remedy: string
}

/** Whether each Secret that pods name is there, with the keys that they want. What is in them is not looked at. */
export async function checkSecrets(cluster: Cluster, config: CiConfig): Promise<Finding[]> {
  return await Promise.all(secretsOf(config).map((wanted) => checkSecret(cluster, wanted)))
}

async function checkSecret(cluster: Cluster, { name, namespace, keys, use, remedy }: Wanted): Promise<Finding> {
  const what = `Secret ${namespace}/${name}`
  try {
    const secret = await found(cluster.secret(name, namespace))
    if (secret === undefined) return error(what, `it is not there; it is needed for ${use}`, remedy)
    const missing = keys.filter((key) => secret.data?.[key] === undefined)
    if (missing.length > 0) return error(what, `it has no key ${missing.join(', ')}, needed for ${use}`, remedy)
    return ok(what, `it is there, for ${use}`)
  } catch (failure) {
    if (statusOf(failure) !== 403) throw failure
    return warning(
      what,
      'it may not be read with these rights, so whether it is there is not known',
      `see yourself: kubectl -n ${namespace} get secret ${name}`,
    )
  }
}

const tlsKeys = ['ca.pem', 'cert.pem', 'key.pem']
const dockerKey = '.dockerconfigjson'

function secretsOf({ namespace, agentNamespace, daemon, proxies, cleanup, agents }: CiConfig): Wanted[] {
  const { tls } = daemon
  const all = Object.values(agents)
  const created = (kind: string, name: string, of: string, more: string): string =>
    `kubectl -n ${of} create secret ${kind} ${name} ${more}`
  const docker = (name: string, of: string, use: string): Wanted => ({
    ...{ name, namespace: of, keys: [dockerKey], use },
    remedy: created('docker-registry', name, of, '--docker-server=… --docker-username=… --docker-password=…'),
  })
  const files = tlsKeys.map((key) => `--from-file=${key}`).join(' ')
  return [
    {
      ...{ name: tls.daemonSecret, namespace, keys: tlsKeys, use: 'TLS of the daemon' },
      remedy: `make certificates (README.md, "TLS"); ${created('generic', tls.daemonSecret, namespace, files)}`,
    },
    ...(all.length === 0
      ? []
      : [
          {
            ...{ name: tls.clientSecret, namespace: agentNamespace, keys: tlsKeys, use: 'TLS of the agents' },
            remedy: `make certificates (README.md, "TLS"); ${created('generic', tls.clientSecret, agentNamespace, files)}`,
          },
        ]),
    ...Object.entries(proxies.upstreams).flatMap(([host, { credentialsSecret: name }]) =>
      name === undefined
        ? []
        : [
            {
              ...{ name, namespace, keys: ['username', 'password'], use: `the proxy of ${host}` },
              remedy: created('generic', name, namespace, '--from-literal=username=… --from-literal=password=…'),
            },
          ],
    ),
    ...(cleanup?.registries ?? []).flatMap(({ registry, credentialsSecret: name }) =>
      name === undefined ? [] : [docker(name, namespace, `the clean-up of ${registry}`)],
    ),
    ...named(all.map(({ registrySecret }) => registrySecret)).map((name) =>
      docker(name, agentNamespace, 'pushes of the agents'),
    ),
    ...named(all.map(({ environmentSecret }) => environmentSecret)).map((name) => ({
      ...{ name, namespace: agentNamespace, keys: [], use: "the agents' environment" },
      remedy: created('generic', name, agentNamespace, '--from-literal=NAME=…'),
    })),
  ]
}

/** Those that are given, each once. */
function named(names: (string | undefined)[]): string[] {
  return [...new Set(names.filter((name) => name !== undefined))]
}
