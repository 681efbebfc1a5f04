import type { V1Container, V1PodSpec, V1StatefulSet } from '@kubernetes/client-node'
import { wire } from 'shm-liveness/kubernetes'
import type { CiConfig } from '../../config/ci-schema.js'
import { digestOf } from '../digest.js'
import { kernelFileAnnotation } from '../emulation/binfmt.js'
import { emulationInVm } from '../emulation/in-vm.js'
import type { Manifest } from '../manifest.js'
import { daemonName, guardPort, labelsOf, metadataOf, selectorOf } from '../names.js'
import { commonPodFields, notForAutoscaler, placementOf } from '../pods.js'
import { buildkitdToml } from './buildkitd-toml.js'
import { daemonContainer, extraInitContainers, watchContainer, watcherWorker, watchName } from './containers.js'
import { notifySocket } from './paths.js'
import { runtimeClassOf } from './runtime-class.js'
import { daemonPodSecurity } from './security.js'
import { daemonVolumes, dataClaims } from './volumes.js'

/** Beyond the drain: 10 s for late clients, and the daemon's own end. */
const endSeconds = 100
/** A large cache's databases are opened before the daemon is ready. */
const startupGrace = { flag: '5m', failures: 60 }

/** The daemons: one, or as many as there are shards. Wired: the guard before `buildkitd`, and its probes. */
export function daemonStatefulSet(config: CiConfig): V1StatefulSet & Manifest {
  const { daemon, namespace } = config
  const claims = dataClaims(config)
  const emulation = emulationInVm(config)
  const set: V1StatefulSet & Manifest = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadataOf({ name: daemonName, namespace, component: 'daemon' }),
    spec: {
      serviceName: daemonName,
      replicas: daemon.shards,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: selectorOf(daemonName) },
      template: {
        metadata: {
          labels: labelsOf(daemonName, 'daemon'),
          // BuildKit reads its file once.
          annotations: {
            ...notForAutoscaler,
            'buildkit-ci/config': digestOf(buildkitdToml(config)),
            ...(emulation.length === 0 ? {} : kernelFileAnnotation),
          },
        },
        spec: podOf(config, emulation),
      },
      ...(claims.length === 0
        ? {}
        : {
            volumeClaimTemplates: claims,
            // A shard that is taken away takes its cache along; it can be built again.
            persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Delete' },
          }),
    },
  }
  return wired(set, config)
}

function podOf(config: CiConfig, emulation: V1Container[]): V1PodSpec {
  const { daemon } = config
  const runtimeClass = runtimeClassOf(daemon)
  return {
    ...commonPodFields(config),
    ...placementOf(daemon),
    ...(runtimeClass === undefined ? {} : { runtimeClassName: runtimeClass }),
    ...(daemon.priorityClass === undefined ? {} : { priorityClassName: daemon.priorityClass }),
    ...(daemon.shards === 1 ? {} : { topologySpreadConstraints: [onDifferentNodes] }),
    terminationGracePeriodSeconds: Math.ceil(daemon.drainTimeout.ms / 1000) + endSeconds,
    securityContext: daemonPodSecurity(daemon.isolation),
    initContainers: [...extraInitContainers(config), ...emulation, watchContainer(config)],
    containers: [daemonContainer(config)],
    volumes: daemonVolumes(config),
  }
}

const onDifferentNodes = {
  maxSkew: 1,
  topologyKey: 'kubernetes.io/hostname',
  whenUnsatisfiable: 'ScheduleAnyway',
  labelSelector: { matchLabels: selectorOf(daemonName) },
}

/**
 * The guard ends a daemon that hangs, by the word of the container that watches it. That one has a region and probes of its
 * own: its death or hang restarts it alone.
 */
function wired<Wired extends V1StatefulSet>(set: Wired, { images }: CiConfig): Wired {
  const guarded = wire(set, {
    containers: [daemonName],
    image: images.guard,
    region: daemonName,
    via: 'httpGet',
    port: guardPort,
    guard: {
      flags: [
        // BuildKit says when it is ready, as to systemd.
        ...['--notify', '--notify-socket', notifySocket],
        ...['--startup-grace', startupGrace.flag, '--watcher', watcherWorker],
      ],
    },
    startup: { failureThreshold: startupGrace.failures },
  })
  return wire(guarded, {
    containers: [watchName],
    image: images.guard,
    region: watchName,
    liveness: { periodSeconds: 10 },
    readiness: false,
  })
}
