import { describe, expect, it } from 'vitest'
import { readBuildFile } from '../../../examples/kata-build-runner/config/build-file.js'
import { readExecutorConfig } from '../../../examples/kata-build-runner/config/executor-config.js'
import { jobManifest } from '../../../examples/kata-build-runner/launch/job.js'
import { route } from '../../../examples/kata-build-runner/routing/route.js'
import { validate } from '../../support/schema.js'
import * as builds from '../support/builds.js'
import { settingsFrom } from '../support/settings.js'

describe.each([
  ['the default runtime', {}],
  ['a runtime class', { SHM_LIVENESS_RUNTIME_CLASS: 'kata-qemu' }],
  ['a registry with a port', { SHM_LIVENESS_IMAGE: 'registry.example:5000/shm-liveness:1.0' }],
])('the builds of the tests on a cluster, with %s', (_what, env) => {
  const settings = settingsFrom(env)
  const config = readExecutorConfig(builds.executorConfig(settings, 'builds-1'), 'executor.yaml')
  const all = [
    ...[builds.green, builds.failing, builds.silent, builds.stalling, builds.withoutImage, builds.withoutClass],
    ...[builds.pastDeadline, builds.outlives, builds.compared],
  ].map((buildOf) => buildOf(settings))
  const named = [...all, builds.endless(settings, 'endless'), builds.oneOfMany(settings, 20)]

  it.each(named.map((build) => [build.id, build] as const))('%s becomes a Job that the API takes', (id, file) => {
    const build = readBuildFile(JSON.stringify(file), id)
    const input = {
      build,
      route: route(build, config),
      attempt: 1,
      namespace: 'builds-1',
      nonce: 'n',
      secretValues: {},
    }
    const job = jobManifest(input)
    expect(() => validate(job)).not.toThrow()
    const [installer] = job.spec?.template.spec?.initContainers ?? []
    expect(installer?.image).toBe(settings.image)
    if (id !== 'without-class') expect(job.spec?.template.spec?.runtimeClassName).toBe(settings.runtimeClass)
  })
})

it('an image without a tag is refused, with a hint', () => {
  for (const image of ['localhost:5000/shm-liveness', `shm-liveness@sha256:${'0'.repeat(64)}`]) {
    const settings = settingsFrom({ SHM_LIVENESS_IMAGE: image })
    expect(() => builds.executorConfig(settings, 'builds-1')).toThrow(/SHM_LIVENESS_IMAGE=.* by its tag/)
  }
})

it('settings name runtime classes to compare, and how many builds there are', () => {
  expect(settingsFrom({})).toMatchObject({ builds: 20, compareClasses: [] })
  const env = { SHM_LIVENESS_BUILDS: '5', SHM_LIVENESS_COMPARE_RUNTIME_CLASSES: 'kata-qemu, runc,,runc' }
  expect(settingsFrom(env)).toMatchObject({ builds: 5, compareClasses: ['kata-qemu', 'runc'] })
})
