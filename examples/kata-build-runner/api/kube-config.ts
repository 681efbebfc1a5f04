import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type Cluster, KubeConfig } from '@kubernetes/client-node'
import { RunnerError } from '../model/runner-error.js'

export type Environment = Readonly<Record<string, string | undefined>>

const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * How to reach an API server, and as whom: `KUBECONFIG`, `~/.kube/config`, or the service account of the pod that the
 * runner is in. With a `host` that of the kubeconfig's clusters that is there, so that no credentials go to another.
 *
 * @param host host, host:port or https URL; undefined: the kubeconfig's current context
 * @throws RunnerError `CONNECTION`, also for whatever turns the verification of certificates off
 */
export function kubeConfigOf(
  host: string | undefined,
  environment: Environment,
  accountDirectory = serviceAccountDirectory,
): KubeConfig {
  if (environment['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    throw connectionError(
      'NODE_TLS_REJECT_UNAUTHORIZED=0 turns the verification of certificates off',
      'unset it; name the authority in the kubeconfig: certificate-authority',
    )
  }
  const paths = kubeconfigPaths(environment)
  const config = paths.length > 0 ? readConfig(paths) : accountConfig(host, environment, accountDirectory)
  if (host !== undefined && paths.length > 0) chooseContext(config, host, paths.join(delimiter))
  checkCluster(config.getCurrentCluster(), config.getCurrentContext(), paths.join(delimiter))
  return config
}

function kubeconfigPaths(environment: Environment): string[] {
  const given = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  if (given.length > 0) return given
  const usual = join(environment['HOME'] ?? homedir(), '.kube', 'config')
  return existsSync(usual) ? [usual] : []
}

function readConfig(paths: string[]): KubeConfig {
  const configs = paths.map((path) => {
    const config = new KubeConfig()
    try {
      config.loadFromFile(path)
    } catch (error) {
      throw connectionError(`kubeconfig ${path}: ${wordsOf(error)}`, 'correct it, or set KUBECONFIG', error)
    }
    return config
  })
  const [first, ...others] = configs
  try {
    for (const other of others) first!.mergeConfig(other, true)
  } catch (error) {
    throw connectionError(`kubeconfigs ${paths.join(delimiter)}: ${wordsOf(error)}`, 'name each once', error)
  }
  return first!
}

/** Not `loadFromCluster`: it reads the process's environment, and takes port 80 for a reason to do without TLS. */
function accountConfig(host: string | undefined, environment: Environment, directory: string): KubeConfig {
  const tokenFile = join(directory, 'token')
  const service = environment['KUBERNETES_SERVICE_HOST']
  if (service === undefined || !existsSync(tokenFile)) {
    throw connectionError(
      'there is no kubeconfig, and the runner is in no pod with a service account',
      'set KUBECONFIG, or `--kubeconfig`',
    )
  }
  const address = service.includes(':') ? `[${service}]` : service
  const server = urlOf(host ?? `${address}:${environment['KUBERNETES_SERVICE_PORT'] ?? '443'}`).origin
  const config = new KubeConfig()
  config.loadFromClusterAndUser(
    { name: 'in-cluster', server, caFile: join(directory, 'ca.crt'), skipTLSVerify: false },
    { name: 'service-account', authProvider: { name: 'tokenFile', config: { tokenFile } } },
  )
  return config
}

function chooseContext(config: KubeConfig, host: string, where: string): void {
  const asked = urlOf(host)
  const hasPort = /:\d+\/?$/.test(host)
  const fits = ({ server }: Cluster) => {
    const url = URL.canParse(server) ? new URL(server) : undefined
    return hasPort ? url?.host === asked.host : url?.hostname === asked.hostname
  }
  const names = config
    .getClusters()
    .filter(fits)
    .map(({ name }) => name)
  const contexts = config.getContexts().filter(({ cluster }) => names.includes(cluster))
  const chosen = contexts.find(({ name }) => name === config.getCurrentContext()) ?? contexts[0]
  if (chosen === undefined) {
    const known = config.getClusters().map(({ server }) => server)
    throw connectionError(
      `host ${host}: kubeconfig ${where} has no context for it, only for ${known.join(', ') || 'none'}`,
      'correct `host`, leave it out, or set KUBECONFIG to the one that has it',
    )
  }
  const others = contexts.filter(({ cluster, user }) => cluster !== chosen.cluster || user !== chosen.user)
  if (chosen.name !== config.getCurrentContext() && others.length > 0) {
    throw connectionError(
      `host ${host}: kubeconfig ${where} has several contexts for it: ${contexts.map(({ name }) => name).join(', ')}`,
      'make one of them the current one: kubectl config use-context NAME',
    )
  }
  config.setCurrentContext(chosen.name)
}

function checkCluster(cluster: Cluster | null, context: string, where: string): void {
  if (cluster === null) {
    throw connectionError(
      `kubeconfig ${where}: its current context "${context}" names no cluster`,
      'kubectl config use-context NAME',
    )
  }
  if (cluster.skipTLSVerify) {
    throw connectionError(
      `kubeconfig ${where}: cluster ${cluster.name} has insecure-skip-tls-verify: anybody on the way could be it`,
      'remove that, and name the authority: certificate-authority, or certificate-authority-data',
    )
  }
  urlOf(cluster.server)
}

/** @throws RunnerError for anything but https */
function urlOf(host: string): URL {
  const text = host.includes('://') ? host : `https://${host}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'https:') return url
  throw connectionError(`${host} is no host, host:port or https URL of an API server`, 'correct it; without TLS: never')
}

function connectionError(message: string, remedy: string, cause?: unknown): RunnerError {
  return new RunnerError('CONNECTION', message, remedy, { cause })
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
