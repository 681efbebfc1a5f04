import type { V1Container, V1EnvVar, V1Job, V1PodSpec, V1Probe, V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import { wire } from 'shm-liveness/kubernetes'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
import { type Project, runsToEnd, type Service } from '../project.js'
import { argvOf, environmentOf } from '../watching.js'
import { expectUsers, type PodSecurityLevel, securityContextOf } from './security.js'

export interface JobOptions {
  name: string
  namespace?: string | undefined
  /** The image that installs shm-probe and shm-guard. @default as `wire` has it */
  programsImage?: string | undefined
  deadlineSeconds: number
  /** Of the namespace. */
  podSecurity: PodSecurityLevel
}

/** How long a Job that has ended can be looked at. */
const keptSeconds = 3600

/**
 * A project as a Job: services as native sidecars, in the order in which they depend on each other; what has to end
 * first as a plain init container; the tests as the only container, whose exit status is the Job's. When it ends the
 * kubelet ends the sidecars.
 *
 * @throws RunnerError `CONFIG_INVALID` for what a cluster does not have, or its Pod Security level refuses
 */
export function jobOf(project: Project, options: JobOptions): V1Job {
  const { services, tests } = project
  expectUsers(services, options.podSecurity)
  const before = services.filter((service) => service !== tests)
  const sidecar = (service: Service): V1Container => {
    const isJob = runsToEnd(service, services)
    return { ...containerOf(service, options), ...(isJob ? {} : { restartPolicy: 'Always', ...startupOf(service) }) }
  }
  const spec: V1PodSpec = {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    hostAliases: [{ ip: '127.0.0.1', hostnames: services.map(({ name }) => name) }],
    initContainers: before.map(sidecar),
    containers: [containerOf(tests, options)],
    volumes: volumesOf(services),
  }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: options.name, ...(options.namespace === undefined ? {} : { namespace: options.namespace }) },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: options.deadlineSeconds,
      ttlSecondsAfterFinished: keptSeconds,
      template: {
        metadata: { labels: { 'app.kubernetes.io/name': options.name } },
        spec: wired(spec, services, options),
      },
    },
  }
}

/** Startup says when a service is ready; a liveness probe finds one that hangs. */
function wired(spec: V1PodSpec, services: readonly Service[], { programsImage }: JobOptions): V1PodSpec {
  const watched = services.filter(({ watch }) => watch !== undefined)
  return watched.reduce((pod, { name, watch }) => {
    const periodSeconds = 1
    const failureThreshold = Math.max(3, Math.ceil((watch?.startWithinMs ?? 0) / 1000 / periodSeconds))
    return wire(pod, { containers: [name], image: programsImage, startup: { periodSeconds, failureThreshold } })
  }, spec)
}

function containerOf(service: Service, { podSecurity }: JobOptions): V1Container {
  const { name, image, workingDirectory } = service
  const securityContext = securityContextOf(service, podSecurity)
  const { command, args } = argvOf(service)
  return {
    ...{ name, image },
    ...(command === undefined ? {} : { command: command.map(literal) }),
    ...(args === undefined ? {} : { args: args.map(literal) }),
    ...(workingDirectory === undefined ? {} : { workingDir: workingDirectory }),
    env: Object.entries(environmentOf(service)).map(([key, value]): V1EnvVar => ({ name: key, value: literal(value) })),
    ...(securityContext === undefined ? {} : { securityContext }),
    volumeMounts: mountsOf(service),
  }
}

/** The kubelet expands $(NAME), which compose does not. */
function literal(text: string): string {
  return text.split('$(').join('$$(')
}

function startupOf({ health }: Service): { startupProbe?: V1Probe } {
  if (health === undefined) return {}
  const { argv, intervalMs, timeoutMs, retries, startPeriodMs } = health
  const [periodSeconds, timeoutSeconds] = [Math.ceil(intervalMs / 1000), Math.ceil(timeoutMs / 1000)]
  const failureThreshold = retries + Math.ceil(startPeriodMs / 1000 / periodSeconds)
  return { startupProbe: { exec: { command: argv.map(literal) }, periodSeconds, timeoutSeconds, failureThreshold } }
}

function mountsOf({ name, mounts, tmpfs }: Service): V1VolumeMount[] {
  const named = mounts.map(({ source, target, isReadOnly }) => {
    if ('volume' in source) return { name: source.volume, mountPath: target, ...(isReadOnly ? { readOnly: true } : {}) }
    throw new RunnerError(
      'CONFIG_INVALID',
      `service ${name} mounts ${source.path} of this machine, which a cluster does not have`,
      'put it into the image, or use a named volume that another service fills',
    )
  })
  return [...named, ...tmpfs.map((mountPath, index) => ({ name: memoryVolume(name, index), mountPath }))]
}

function volumesOf(services: readonly Service[]): V1Volume[] {
  const named = services.flatMap(({ mounts }) =>
    mounts.flatMap(({ source }) => ('volume' in source ? [source.volume] : [])),
  )
  const memory = services.flatMap(({ name, tmpfs }) => tmpfs.map((_, index) => memoryVolume(name, index)))
  return [
    ...[...new Set(named)].map((name): V1Volume => ({ name, emptyDir: {} })),
    ...memory.map((name): V1Volume => ({ name, emptyDir: { medium: 'Memory' } })),
  ]
}

function memoryVolume(service: string, index: number): string {
  return `${service}-tmpfs-${index}`.slice(-63)
}
