import type { V1Container, V1Job, V1PodSpec, V1PodTemplateSpec, V1Volume } from '@kubernetes/client-node'
import { wire } from 'shm-liveness/kubernetes'
import type { Executor } from '../config/executor-config.js'
import { RunnerError } from '../model/runner-error.js'
import { allStagesMs } from '../model/stage.js'
import { type DockerParts, dockerParts } from './docker-sidecar.js'
import { environmentOf } from './environment.js'
import type { LaunchInput } from './launch-input.js'
import {
  annotations,
  buildContainer,
  buildHash,
  buildRegion,
  jobName,
  kernelParametersAnnotation,
  labels,
  labelsOf,
  secretName,
  stepsDirectory,
  stepsKey,
  stepsPath,
  workspace,
} from './names.js'
import { guardGraceMs, probeSettings } from './probes.js'
import { diskQuantity, resourcesOf, timeoutSeconds } from './resources.js'
import { schedulingOf } from './scheduling.js'
import { buildSecurity, podSecurity } from './security.js'

export type { LaunchInput } from './launch-input.js'

/** What the Job's own deadline has on top of everything that has one: it ends what all else forgot, log and all. */
const spareSeconds = 600
/** How long a Job that has ended can be looked at. */
const keptSeconds = 3600
const groupReadable = 0o440

/**
 * The Job of one attempt, suspended; whoever creates it unsuspends it once its Secret is there (with Kueue: Kueue does).
 *
 * @throws RunnerError `BUILD_INVALID`, if the executor does not allow what the build asks for
 */
export function jobManifest(input: LaunchInput): V1Job {
  const { build, route, attempt, namespace, nonce } = input
  const { kubernetes } = route.executor
  const queue = build.queue ?? kubernetes.queue
  const deadlineSeconds = timeoutSeconds(build, route.executor)
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(build.id, attempt),
      namespace,
      labels: {
        ...labelsOf(build.id, attempt, route.executor.name),
        ...(queue === undefined ? {} : { [labels.queue]: queue }),
      },
      annotations: {
        [annotations.buildHash]: buildHash(build),
        [annotations.nonce]: nonce,
        [annotations.route]: route.why,
      },
    },
    spec: {
      suspend: true,
      ...{ parallelism: 1, completions: 1, backoffLimit: 0 },
      activeDeadlineSeconds: jobDeadlineSeconds(route.executor, deadlineSeconds),
      ttlSecondsAfterFinished: keptSeconds,
      template: podTemplate(input, deadlineSeconds),
    },
  }
}

/** Longer than all stages and the build may take: the Job's deadline deletes the pod, its log and its record. */
function jobDeadlineSeconds({ kubernetes }: Executor, buildSeconds: number): number {
  return (
    Math.ceil((allStagesMs(kubernetes.stageTimeouts) + kubernetes.terminationGracePeriodMs) / 1000) +
    buildSeconds +
    spareSeconds
  )
}

function podTemplate(input: LaunchInput, deadlineSeconds: number): V1PodTemplateSpec {
  const { build, route, attempt } = input
  const { kubernetes, launchImage, launchVersion } = route.executor
  const docker = dockerParts(build, route.executor)
  const graceMs = guardGraceMs(kubernetes.terminationGracePeriodMs)
  const spec: V1PodSpec = {
    restartPolicy: 'Never',
    activeDeadlineSeconds: deadlineSeconds,
    terminationGracePeriodSeconds: Math.ceil(kubernetes.terminationGracePeriodMs / 1000),
    ...(route.runtimeClass === undefined ? {} : { runtimeClassName: route.runtimeClass }),
    ...schedulingOf(kubernetes),
    ...(kubernetes.imagePullSecrets.length === 0
      ? {}
      : { imagePullSecrets: kubernetes.imagePullSecrets.map((name) => ({ name })) }),
    automountServiceAccountToken: kubernetes.automountServiceAccountToken,
    enableServiceLinks: false,
    securityContext: podSecurity(build, route.executor),
    ...(docker === undefined ? {} : { initContainers: [docker.sidecar] }),
    containers: [containerOf(input, docker, graceMs)],
    volumes: [...ownVolumes(input), ...(docker?.volumes ?? [])],
  }
  const wired = wire(spec, {
    ...{ containers: [buildContainer], region: buildRegion, image: `${launchImage}:${launchVersion}` },
    ...probeSettings(graceMs),
  })
  return {
    metadata: { labels: labelsOf(build.id, attempt, route.executor.name), annotations: podAnnotations(input) },
    spec: withPullPolicy(wired),
  }
}

function containerOf({ build, route, attempt, nonce }: LaunchInput, docker: DockerParts | undefined, graceMs: number) {
  const { executor } = route
  const grace = { name: 'SHM_LIVENESS_GRACE', value: graceMs % 1000 === 0 ? `${graceMs / 1000}s` : `${graceMs}ms` }
  const container: V1Container = {
    name: buildContainer,
    image: build.image,
    command: ['/shm-liveness/shm-guard', '--steps', stepsPath, '--nonce', nonce],
    workingDir: workspace,
    env: environmentOf(build, attempt, [grace, ...(docker?.environment ?? [])]),
    resources: resourcesOf(build.tier, executor.kubernetes),
    securityContext: buildSecurity(build, executor),
    volumeMounts: [
      { name: 'workspace', mountPath: workspace },
      { name: 'steps', mountPath: stepsDirectory, readOnly: true },
      ...(docker?.mounts ?? []),
    ],
  }
  return container
}

function ownVolumes({ build, route, attempt }: LaunchInput): V1Volume[] {
  return [
    { name: 'workspace', emptyDir: { sizeLimit: diskQuantity(build.tier.disk, route.executor.kubernetes) } },
    {
      name: 'steps',
      secret: {
        secretName: secretName(build.id, attempt),
        defaultMode: groupReadable,
        // The values of secretEnvironment are variables, and no files.
        items: [{ key: stepsKey, path: stepsKey }],
      },
    },
  ]
}

function podAnnotations({ build, route, nonce }: LaunchInput): Record<string, string> {
  const { name, kubernetes } = route.executor
  const taken = Object.keys(build.annotations).find((key) => Object.hasOwn(kubernetes.annotations, key))
  if (taken !== undefined) {
    throw new RunnerError(
      'BUILD_INVALID',
      `build ${build.id}: its annotation ${taken} is set by executor ${name}`,
      'leave it out of the build',
    )
  }
  const parameters = route.kernelParameters.join(' ')
  return {
    ...kubernetes.annotations,
    ...build.annotations,
    ...(parameters === '' ? {} : { [kernelParametersAnnotation]: parameters }),
    [annotations.nonce]: nonce,
  }
}

/** Everywhere, the installer included: a node that has an image does not ask a registry for it. */
function withPullPolicy(spec: V1PodSpec): V1PodSpec {
  const pulled = (container: V1Container): V1Container => ({ ...container, imagePullPolicy: 'IfNotPresent' })
  return {
    ...spec,
    initContainers: (spec.initContainers ?? []).map(pulled),
    containers: spec.containers.map(pulled),
  }
}
