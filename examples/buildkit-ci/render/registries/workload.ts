/** A registry of any kind: one pod with a volume of its own, and a Service. */
import type { V1ConfigMap, V1Container, V1Probe, V1Service, V1StatefulSet } from '@kubernetes/client-node'
import { wire } from 'shm-liveness/kubernetes'
import type { CiConfig } from '../../config/ci-schema.js'
import type { Size } from '../../config/schema-parts.js'
import { digestOf } from '../digest.js'
import type { Manifest } from '../manifest.js'
import { type Component, labelsOf, metadataOf, registryPort, selectorOf } from '../names.js'
import { commonPodFields, pulled, restrictedAs } from '../pods.js'

export interface RegistryWorkload {
  name: string
  component: Component
  image: string
  command?: string[]
  args?: string[]
  /** The file that it reads, in `/etc/registry-config`, if it reads one. */
  file?: { name: string; text: string }
  env?: V1Container['env']
  size: Size
  storageClass: string | undefined
  /** At this port of every node, for containerd. */
  nodePort: number | undefined
  /** What it answers while it is alive; undefined: it beats into a region, and is wired. */
  healthPath: string | undefined
}

export const registryConfigDirectory = '/etc/registry-config'
export const registryDataDirectory = '/var/lib/registry'
const registryUser = 1000

/** What is written beside the volume: logs, and temporary files. */
const besideVolume = { requests: '128Mi', limits: '1Gi' }

export function registryManifests(config: CiConfig, workload: RegistryWorkload): Manifest[] {
  const { file, healthPath } = workload
  const set = statefulSetOf(config, workload)
  return [
    ...(file === undefined ? [] : [configMapOf(config, workload, file)]),
    serviceOf(config, workload),
    healthPath === undefined ? wire(set, { image: config.images.guard, ...beatProbes }) : set,
  ]
}

/** A registry that is slow at its start, or for half a minute, is not ended. */
const beatProbes = {
  startup: { failureThreshold: 60 },
  liveness: { periodSeconds: 10 },
  readiness: { periodSeconds: 5 },
} as const

function configMapOf(
  { namespace }: CiConfig,
  { name, component }: RegistryWorkload,
  file: { name: string; text: string },
): V1ConfigMap & Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadataOf({ name, namespace, component }),
    data: { [file.name]: file.text },
  }
}

function serviceOf({ namespace }: CiConfig, { name, component, nodePort }: RegistryWorkload): V1Service & Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf({ name, namespace, component }),
    spec: {
      ...(nodePort === undefined ? {} : { type: 'NodePort' }),
      selector: selectorOf(name),
      ports: [
        {
          name: 'http',
          port: registryPort,
          targetPort: 'http',
          protocol: 'TCP',
          ...(nodePort === undefined ? {} : { nodePort }),
        },
      ],
    },
  }
}

function statefulSetOf(config: CiConfig, workload: RegistryWorkload): V1StatefulSet & Manifest {
  const { name, component, file, size, storageClass } = workload
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadataOf({ name, namespace: config.namespace, component }),
    spec: {
      serviceName: name,
      replicas: 1,
      selector: { matchLabels: selectorOf(name) },
      template: {
        metadata: {
          labels: labelsOf(name, component),
          ...(file === undefined ? {} : { annotations: { 'buildkit-ci/config': digestOf(file.text) } }),
        },
        spec: {
          ...commonPodFields(config),
          // Pushes and pulls that are under way are waited for (`draintimeout` of distribution; zot waits by itself).
          terminationGracePeriodSeconds: 120,
          securityContext: { fsGroup: registryUser, fsGroupChangePolicy: 'OnRootMismatch' },
          containers: [containerOf(workload)],
          volumes: [
            ...(file === undefined ? [] : [{ name: 'config', configMap: { name } }]),
            { name: 'temporary', emptyDir: { sizeLimit: besideVolume.limits } },
          ],
        },
      },
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'data' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
            resources: { requests: { storage: size.text } },
          },
        },
      ],
    },
  }
}

function containerOf({ image, command, args, file, env, healthPath }: RegistryWorkload): V1Container {
  return {
    name: 'registry',
    image,
    ...pulled,
    ...(command === undefined ? {} : { command }),
    ...(args === undefined ? {} : { args }),
    ...(env === undefined ? {} : { env }),
    ports: [{ name: 'http', containerPort: registryPort, protocol: 'TCP' }],
    resources: {
      requests: { cpu: '100m', memory: '256Mi', 'ephemeral-storage': besideVolume.requests },
      limits: { memory: '1Gi', 'ephemeral-storage': besideVolume.limits },
    },
    securityContext: restrictedAs(registryUser),
    ...(healthPath === undefined ? {} : httpProbes(healthPath)),
    volumeMounts: [
      { name: 'data', mountPath: registryDataDirectory },
      ...(file === undefined ? [] : [{ name: 'config', mountPath: registryConfigDirectory, readOnly: true }]),
      { name: 'temporary', mountPath: '/tmp' },
    ],
  }
}

/** A large store is read at the start; a busy disk is no hang. */
function httpProbes(path: string): Pick<V1Container, 'startupProbe' | 'livenessProbe' | 'readinessProbe'> {
  const probe = (more: V1Probe): V1Probe => ({ httpGet: { path, port: 'http' }, timeoutSeconds: 5, ...more })
  return {
    startupProbe: probe({ periodSeconds: 5, failureThreshold: 60 }),
    livenessProbe: probe({ periodSeconds: 10, failureThreshold: 6, terminationGracePeriodSeconds: 30 }),
    readinessProbe: probe({ periodSeconds: 5, failureThreshold: 2 }),
  }
}
