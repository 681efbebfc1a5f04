import type { V1Container, V1EnvVar, V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import type { BuildFile } from '../config/build-file.js'
import type { Executor } from '../config/executor-config.js'
import { RunnerError } from '../model/runner-error.js'
import { dockerAnnotation, dockerContainer, workspace } from './names.js'
import { diskQuantity, resourcesOf } from './resources.js'

const socketDirectory = '/shm-liveness-docker'
const socket = `unix://${socketDirectory}/docker.sock`
const socketVolume = 'docker-socket'
const storageVolume = 'docker-storage'

/** What a docker daemon adds to the pod. */
export interface DockerParts {
  sidecar: V1Container
  volumes: V1Volume[]
  mounts: V1VolumeMount[]
  environment: V1EnvVar[]
}

/**
 * A docker daemon of the pod's own, where the build asks for one and the executor has the feature (as in executor-k8s:
 * the executor's key permits it, the build's annotation wants it).
 *
 * @throws RunnerError `BUILD_INVALID`, if the executor does not permit it
 */
export function dockerParts(build: BuildFile, executor: Executor): DockerParts | undefined {
  const { kubernetes, name } = executor
  if (build.annotations[dockerAnnotation] !== 'true') return undefined
  if (!kubernetes.dockerFeatureEnabled) {
    throw new RunnerError(
      'BUILD_INVALID',
      `build ${build.id}: it asks for docker (${dockerAnnotation}), and executor ${name} has none`,
      'leave the annotation out, or set kubernetes.dockerFeatureEnabled: true of the executor',
    )
  }
  const mounts = [{ name: socketVolume, mountPath: socketDirectory }]
  return {
    sidecar: sidecarOf(build, executor, mounts),
    volumes: [
      { name: socketVolume, emptyDir: {} },
      { name: storageVolume, emptyDir: { sizeLimit: diskQuantity(build.tier.disk, kubernetes) } },
    ],
    mounts,
    environment: [{ name: 'DOCKER_HOST', value: socket }],
  }
}

function sidecarOf(build: BuildFile, { kubernetes }: Executor, mounts: V1VolumeMount[]): V1Container {
  return {
    name: dockerContainer,
    image: kubernetes.dockerImage,
    // Named, the entrypoint adds no listener of its own: without arguments it opens TCP ports, too. The socket belongs
    // to the build's group.
    args: ['dockerd', `--host=${socket}`, `--group=${build.user}`],
    // A native sidecar: it is there before the build starts, and the Job does not wait for it at the end.
    restartPolicy: 'Always',
    resources: resourcesOf({ cpu: 'low', memory: 'low', disk: build.tier.disk }, kubernetes),
    startupProbe: {
      exec: { command: ['docker', `--host=${socket}`, 'version'] },
      ...{ periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 24 },
    },
    volumeMounts: [
      ...mounts,
      { name: storageVolume, mountPath: '/var/lib/docker' },
      // At the same path as in the build, so that `docker run -v` of a folder there means that folder.
      { name: 'workspace', mountPath: workspace },
    ],
    securityContext: { privileged: true, runAsNonRoot: false, runAsUser: 0, runAsGroup: 0 },
  }
}
