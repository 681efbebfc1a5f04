/** The containers of a daemon's pod, before they are wired. */
import type { V1Container } from '@kubernetes/client-node'
import type { CiConfig } from '../../config/ci-schema.js'
import { daemonName, daemonPort, watchPort } from '../names.js'
import { pulled, smallResources } from '../pods.js'
import { diskPlanOf } from './disk-plan.js'
import { configPath, dataDirectory, devicePath, socketAddress } from './paths.js'
import { daemonSecurity, watcherSecurity } from './security.js'
import { daemonMounts, dataDevices, isDevice, sharedMounts } from './volumes.js'

export const watchName = 'watch'
/** Its worker in the region of the daemon, which the guard's `--watcher` names. */
export const watcherWorker = 'builds'

const usualImage = {
  privileged: 'moby/buildkit:v0.32.2',
  kata: 'moby/buildkit:v0.32.2',
  rootless: 'moby/buildkit:v0.32.2-rootless',
}

export function daemonImage({ image, isolation }: CiConfig['daemon']): string {
  return image ?? usualImage[isolation]
}

/** Upstream's image as it is; `wire` puts the guard before the command. */
export function daemonContainer(config: CiConfig): V1Container {
  const { daemon } = config
  return {
    name: daemonName,
    image: daemonImage(daemon),
    ...pulled,
    command: commandOf(daemon),
    ports: [{ name: 'grpc', containerPort: daemonPort, protocol: 'TCP' }],
    resources: resourcesOf(daemon),
    securityContext: daemonSecurity(daemon.isolation),
    // SIGTERM loses builds (buildkit#4090), and the kubelet kills after the grace, so it waits here until none runs.
    lifecycle: { preStop: { httpGet: { path: '/drain', port: watchPort } } },
    ...daemonMounts(config),
  }
}

function commandOf({ isolation }: CiConfig['daemon']): string[] {
  // What the image's ENTRYPOINT is.
  if (isolation === 'rootless') return ['rootlesskit', 'buildkitd', '--config', configPath]
  // A privileged pod has the node's cgroup namespace, where steps would be outside of the pod's limits (buildkit#6368).
  const daemon = ['/usr/bin/buildkitd-entrypoint', '--config', configPath]
  if (isolation === 'privileged') return daemon
  const directory = dataDirectory(isolation)
  return ['/bin/sh', '-ec', `mkdir -p ${directory}; mount ${devicePath} ${directory}; exec ${daemon.join(' ')}`]
}

/** Memory that is asked for is what there is: a daemon beyond it is killed with all builds that run in it. */
function resourcesOf(daemon: CiConfig['daemon']): V1Container['resources'] & object {
  const { cpu, memory } = daemon.resources
  const { request, limit } = diskPlanOf(daemon).ephemeralStorage
  const isVm = daemon.isolation === 'kata'
  return {
    requests: { cpu: String(cpu), memory: memory.text, 'ephemeral-storage': request },
    // Without a limit of CPU builds use what the node has left. A virtual machine has as many as its limit says.
    limits: { ...(isVm ? { cpu: String(cpu) } : {}), memory: memory.text, 'ephemeral-storage': limit },
  }
}

/** Makes a file system on a new device, and never on one where there is any already: `blkid -p` exits with 2 for "nothing". */
export function formatContainer({ images }: CiConfig): V1Container {
  return {
    name: 'format',
    image: images.ci,
    ...pulled,
    command: [
      '/bin/sh',
      '-ec',
      `if blkid -p ${devicePath}; then exit 0; fi; blkid -p ${devicePath} || test $? -eq 2; exec mkfs.ext4 -q ${devicePath}`,
    ],
    resources: smallResources('100m', '256Mi'),
    securityContext: { privileged: true, runAsUser: 0 },
    volumeDevices: dataDevices,
  }
}

/** A native sidecar: it is there before the daemon is, and ends after it. */
export function watchContainer({ images, daemon }: CiConfig): V1Container {
  const { toldAfter, endedAfter, apiAnswer, steps } = daemon.budgets
  return {
    name: watchName,
    image: images.ci,
    ...pulled,
    restartPolicy: 'Always',
    command: [
      'buildkit-ci',
      'watch',
      ...['--addr', socketAddress],
      ...['--daemon-region', daemonName, '--worker', watcherWorker],
      ...['--told-after', toldAfter.text, '--ended-after', endedAfter.text, '--api-answer', apiAnswer.text],
      ...steps.flatMap(({ step, toldAfter, endedAfter }) => [
        '--step-budget',
        `${step}=${toldAfter.text},${typeof endedAfter === 'string' ? endedAfter : endedAfter.text}`,
      ]),
      ...['--listen', `0.0.0.0:${watchPort}`, '--drain-timeout', daemon.drainTimeout.text],
    ],
    ports: [{ name: 'watch', containerPort: watchPort, protocol: 'TCP' }],
    resources: smallResources('20m', '128Mi'),
    securityContext: watcherSecurity(daemon.isolation),
    volumeMounts: sharedMounts,
  }
}

export function extraInitContainers(config: CiConfig): V1Container[] {
  return isDevice(config.daemon) ? [formatContainer(config)] : []
}
