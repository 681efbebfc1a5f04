import { createRequire } from 'node:module'
import type { V1Container, V1Job, V1PodSpec, V1Secret } from '@kubernetes/client-node'
import { jobManifest, type LaunchInput } from '../../../examples/kata-build-runner/launch/job.js'
import { route } from '../../../examples/kata-build-runner/routing/route.js'
import { build, config } from '../config/samples.js'

/** A launch of the least build, with these lines more, by the config of that text. */
export function inputOf(more = '', text?: string): LaunchInput {
  const file = build(more)
  return {
    ...{ build: file, route: route(file, config(text)), attempt: 1, namespace: 'builds', nonce: 'nonce-1' },
    secretValues: {},
  }
}

export const jobOf = (more = '', text?: string): V1Job => jobManifest(inputOf(more, text))

export function podOf(job: V1Job): V1PodSpec {
  const spec = job.spec?.template.spec
  if (spec == null) throw new Error('the Job has no pod')
  return spec
}

/** A container of any kind. */
export function containerOf(job: V1Job, name = 'build'): V1Container {
  const spec = podOf(job)
  const found = [...(spec.initContainers ?? []), ...spec.containers].find((container) => container.name === name)
  if (found === undefined) throw new Error(`no container ${name}`)
  return found
}

export const withDocker = 'annotations: {screwdriver.cd/dockerEnabled: "true"}'

const { Secret } = createRequire(import.meta.url)('kubernetes-models/v1/Secret') as {
  Secret: new (data: unknown) => { validate(): void }
}

/** Throws, unless it is valid by the API's schema. */
export function validateSecret(secret: V1Secret): void {
  new Secret(secret).validate()
}
