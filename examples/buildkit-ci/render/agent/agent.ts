import type {
  V1Container,
  V1Deployment,
  V1EnvFromSource,
  V1PodSpec,
  V1Volume,
  V1VolumeMount,
} from '@kubernetes/client-node'
import { wire } from 'shm-liveness/kubernetes'
import type { CiConfig } from '../../config/ci-schema.js'
import type { Manifest } from '../manifest.js'
import { agentName, daemonName, daemonPort, labelsOf, metadataOf, selectorOf, serviceHost } from '../names.js'
import { commonPodFields, notForAutoscaler, pulled, restrictedAs } from '../pods.js'
import { dockerConfigVolume } from '../registries/cleanup.js'

type Agent = CiConfig['agents'][string]

const agentUser = 1000
const tlsDirectory = '/etc/buildkit-tls'
const dockerConfigDirectory = '/etc/docker-config'
const workDirectory = '/workspace'
/** buildx writes its builders beside docker's file otherwise, and a Secret cannot be written (its `util/confutil`). */
const buildxDirectory = `${workDirectory}/.buildx`
/** What is written beside the work: logs, and the agent's own files. */
const besideWorkGi = 2

/** The agents, wired: the guard reaps what the CI agent's jobs leave behind, and finds a `buildkit-ci agent` that hangs. */
export function agentDeployment(config: CiConfig, name: string, agent: Agent): V1Deployment & Manifest {
  const full = agentName(name)
  const set: V1Deployment & Manifest = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf({ name: full, namespace: config.agentNamespace, component: 'agent' }),
    spec: {
      replicas: agent.replicas,
      selector: { matchLabels: selectorOf(full) },
      template: {
        metadata: { labels: labelsOf(full, 'agent'), annotations: { ...notForAutoscaler } },
        spec: podOf(config, full, agent),
      },
    },
  }
  return wire(set, { containers: ['agent'], image: config.images.guard, region: full, guard: true, ...beatProbes })
}

/** The builder is attached within two minutes; a beat is five times younger than its max age. */
const beatProbes = {
  startup: { failureThreshold: 36 },
  liveness: { periodSeconds: 10 },
  readiness: { periodSeconds: 10 },
} as const

function podOf(config: CiConfig, name: string, agent: Agent): V1PodSpec {
  return {
    ...commonPodFields(config, { hasToken: agent.jobs }),
    serviceAccountName: name,
    terminationGracePeriodSeconds: Math.ceil(agent.terminationGrace.ms / 1000),
    securityContext: { fsGroup: agentUser },
    containers: [containerOf(config, agent)],
    volumes: volumesOf(config, agent),
  }
}

function containerOf(config: CiConfig, agent: Agent): V1Container {
  const { cpu, memory } = agent.resources
  const all = `${Math.ceil(agent.storage.bytes / 2 ** 30) + besideWorkGi}Gi`
  return {
    name: 'agent',
    image: agent.image ?? config.images.ci,
    ...pulled,
    command: ['buildkit-ci', 'agent', ...flagsOf(config, agent), '--', ...agent.command],
    workingDir: workDirectory,
    env: [
      { name: 'HOME', value: workDirectory },
      { name: 'BUILDX_CONFIG', value: buildxDirectory },
      // For the scripts of builds: buildkit-ci build --cache "$CACHE_REGISTRY/app".
      ...(agent.cacheRegistry === undefined ? [] : [{ name: 'CACHE_REGISTRY', value: agent.cacheRegistry }]),
      ...(agent.registrySecret === undefined ? [] : [{ name: 'DOCKER_CONFIG', value: dockerConfigDirectory }]),
    ],
    ...(agent.environmentSecret === undefined ? {} : { envFrom: secretEnvironment(agent.environmentSecret) }),
    resources: {
      requests: { cpu: String(cpu), memory: memory.text, 'ephemeral-storage': all },
      limits: { memory: memory.text, 'ephemeral-storage': all },
    },
    securityContext: { ...restrictedAs(agentUser), readOnlyRootFilesystem: false },
    volumeMounts: mountsOf(agent),
  }
}

/** The daemons' names are those of the StatefulSet's pods, as its headless Service has them. */
function flagsOf({ namespace, daemon }: CiConfig, { repository, beatMaxAge }: Agent): string[] {
  const shards = Array.from({ length: daemon.shards }, (_, index) => {
    return `tcp://${daemonName}-${index}.${serviceHost(daemonName, namespace)}:${daemonPort}`
  })
  return [
    ...shards.flatMap((address) => ['--daemon', address]),
    ...['--tlscacert', `${tlsDirectory}/ca.pem`],
    ...['--tlscert', `${tlsDirectory}/cert.pem`, '--tlskey', `${tlsDirectory}/key.pem`],
    ...(repository === undefined ? [] : ['--repository', repository]),
    ...['--beat-max-age', beatMaxAge.text],
  ]
}

const secretEnvironment = (name: string): V1EnvFromSource[] => [{ secretRef: { name } }]

function mountsOf({ registrySecret }: Agent): V1VolumeMount[] {
  return [
    { name: 'work', mountPath: workDirectory },
    { name: 'tls', mountPath: tlsDirectory, readOnly: true },
    ...(registrySecret === undefined ? [] : [{ name: 'docker', mountPath: dockerConfigDirectory, readOnly: true }]),
  ]
}

function volumesOf({ daemon }: CiConfig, { registrySecret, storage }: Agent): V1Volume[] {
  return [
    { name: 'work', emptyDir: { sizeLimit: storage.text } },
    { name: 'tls', secret: { secretName: daemon.tls.clientSecret, defaultMode: 0o440 } },
    ...(registrySecret === undefined ? [] : [dockerConfigVolume('docker', registrySecret)]),
  ]
}
