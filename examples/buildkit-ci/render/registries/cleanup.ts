import type { V1ConfigMap, V1CronJob } from '@kubernetes/client-node'
import { stringify } from 'yaml'
import type { CiConfig } from '../../config/ci-schema.js'
import type { CleanPolicy } from '../../registry/clean/policy.js'
import type { Manifest } from '../manifest.js'
import {
  cleanupName,
  cleanupNameOf,
  labelsOf,
  localRegistryName,
  metadataOf,
  registryPort,
  serviceHost,
} from '../names.js'
import { commonPodFields, pulled, restrictedAs, smallResources } from '../pods.js'

const user = 1000
const policyDirectory = '/etc/clean'
const policyFile = 'policy.yaml'
const credentialsDirectory = '/etc/registry-credentials'

interface Cleaned {
  /** Of the CronJob and its ConfigMap. */
  name: string
  /** As `buildkit-ci clean` takes it. */
  registry: string
  policy: CleanPolicy
  credentialsSecret: string | undefined
}

/** A CronJob for each registry: one that cannot be reached keeps no other from being cleaned. */
export function cleanupManifests(config: CiConfig): Manifest[] {
  const { cleanup } = config
  if (cleanup === undefined) return []
  return cleanedOf(config).flatMap((cleaned) => [policyOf(config, cleaned), cronJobOf(config, cleanup, cleaned)])
}

function cleanedOf({ cleanup, localRegistry, namespace }: CiConfig): Cleaned[] {
  const remote = (cleanup?.registries ?? []).map(({ registry, policy, credentialsSecret }) => ({
    name: cleanupNameOf(registry),
    ...{ registry, policy, credentialsSecret },
  }))
  if (localRegistry?.policy === undefined) return remote
  const registry = `http://${serviceHost(localRegistryName, namespace)}:${registryPort}`
  // No registry of another name has this one.
  const local = { name: cleanupName, registry, policy: localRegistry.policy, credentialsSecret: undefined }
  return [local, ...remote]
}

function policyOf({ namespace }: CiConfig, { name, policy }: Cleaned): V1ConfigMap & Manifest {
  const rules = policy.rules.map(({ olderThanMs, ...rule }) => ({ ...rule, olderThan: `${olderThanMs / 1000}s` }))
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadataOf({ name, namespace, component: 'cleanup' }),
    data: { [policyFile]: stringify({ keep: policy.keep, rules }, { aliasDuplicateObjects: false }) },
  }
}

function cronJobOf(
  config: CiConfig,
  cleanup: NonNullable<CiConfig['cleanup']>,
  cleaned: Cleaned,
): V1CronJob & Manifest {
  const { name, registry, credentialsSecret } = cleaned
  const labels = labelsOf(name, 'cleanup')
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: metadataOf({ name, namespace: config.namespace, component: 'cleanup' }),
    spec: {
      schedule: cleanup.schedule,
      concurrencyPolicy: 'Forbid',
      // Missed while the controller was down: soon enough the next day.
      startingDeadlineSeconds: 3600,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 3,
      jobTemplate: {
        metadata: { labels },
        spec: {
          backoffLimit: 1,
          activeDeadlineSeconds: 6 * 3600,
          template: {
            metadata: { labels },
            spec: {
              ...commonPodFields(config),
              restartPolicy: 'Never',
              securityContext: { fsGroup: user },
              containers: [
                {
                  name: 'clean',
                  image: config.images.ci,
                  ...pulled,
                  command: [
                    'buildkit-ci',
                    'clean',
                    registry,
                    ...['--policy', `${policyDirectory}/${policyFile}`],
                    ...['--requests-per-second', String(cleanup.requestsPerSecond)],
                    ...(cleanup.dryRun ? [] : ['--delete']),
                  ],
                  ...(credentialsSecret === undefined
                    ? {}
                    : { env: [{ name: 'DOCKER_CONFIG', value: credentialsDirectory }] }),
                  resources: smallResources('50m', '256Mi'),
                  securityContext: restrictedAs(user),
                  volumeMounts: [
                    { name: 'policy', mountPath: policyDirectory, readOnly: true },
                    ...(credentialsSecret === undefined
                      ? []
                      : [{ name: 'credentials', mountPath: credentialsDirectory, readOnly: true }]),
                  ],
                },
              ],
              volumes: [
                { name: 'policy', configMap: { name } },
                ...(credentialsSecret === undefined ? [] : [dockerConfigVolume('credentials', credentialsSecret)]),
              ],
            },
          },
        },
      },
    },
  }
}

/** A Secret of type `kubernetes.io/dockerconfigjson` as the folder that `DOCKER_CONFIG` names. */
export function dockerConfigVolume(name: string, secretName: string) {
  return {
    name,
    secret: { secretName, defaultMode: 0o440, items: [{ key: '.dockerconfigjson', path: 'config.json' }] },
  }
}
