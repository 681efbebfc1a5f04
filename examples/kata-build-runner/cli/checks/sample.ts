import type { V1Container, V1Job } from '@kubernetes/client-node'
import { readBuildFile } from '../../config/build-file.js'
import type { Executor } from '../../config/executor-config.js'
import { jobManifest } from '../../launch/job.js'

/** Of the self-test's pod: long enough for a virtual machine on a slow node, and an end to what nobody waits for. */
const mostSeconds = 600

/** The Job of a small build, as `run` would make it. */
export function sampleJob(executor: Executor, namespace: string, id: string): V1Job {
  const image = `${executor.launchImage}:${executor.launchVersion}`
  const text = JSON.stringify({
    id,
    image,
    tier: 'micro',
    steps: [{ name: 'nothing', argv: ['/shm-probe', '--self-test'] }],
  })
  const build = readBuildFile(text, 'preflight')
  const route = { executor, why: 'preflight', runtimeClass: executor.kubernetes.runtimeClass, kernelParameters: [] }
  return jobManifest({ build, route, attempt: 1, namespace, nonce: 'preflight', secretValues: {} })
}

/**
 * The same, but its container runs the self-test of the probe: it needs no Secret, and has nothing to be probed for. Where
 * it is scheduled, its security, its runtime and its installer are those of a build.
 */
export function selfTestJob(executor: Executor, namespace: string, id: string): V1Job {
  const job = sampleJob(executor, namespace, id)
  const pod = job.spec?.template.spec
  if (job.spec === undefined || pod === undefined) throw new Error('a Job without a pod')
  job.spec.suspend = false
  job.spec.activeDeadlineSeconds = mostSeconds
  job.spec.template.spec = {
    ...pod,
    activeDeadlineSeconds: mostSeconds,
    volumes: pod.volumes?.filter(({ secret }) => secret === undefined) ?? [],
    containers: pod.containers.map(withSelfTest),
  }
  return job
}

function withSelfTest({ volumeMounts = [], ...container }: V1Container): V1Container {
  const { startupProbe, livenessProbe, readinessProbe, env, command, ...kept } = container
  return {
    ...kept,
    command: ['/shm-probe', '--self-test'],
    volumeMounts: volumeMounts.filter(({ name }) => name !== 'steps'),
  }
}
