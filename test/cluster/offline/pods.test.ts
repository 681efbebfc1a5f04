import { type Finding, lint } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { validate } from '../../support/schema.js'
import { allPods } from '../support/pods.js'
import { settingsFrom } from '../support/settings.js'

describe.each([
  ['the default runtime', {}],
  ['a runtime class', { SHM_LIVENESS_RUNTIME_CLASS: 'kata-qemu' }],
])('the pods of the tests on a cluster, with %s', (_what, env) => {
  const settings = settingsFrom(env)
  const pods = allPods(settings).map((pod) => [pod.metadata?.name ?? '', pod] as const)

  it('have names of their own', () => {
    expect(new Set(pods.map(([name]) => name)).size).toBe(pods.length)
  })

  it.each(pods)('%s is valid by the published schema', (_name, pod) => {
    expect(() => validate(pod)).not.toThrow()
  })

  it.each(pods)('%s pulls nothing, and runs where it is told', (_name, pod) => {
    const { containers = [], initContainers = [], runtimeClassName } = pod.spec ?? {}
    for (const { name, imagePullPolicy } of [...containers, ...initContainers]) {
      expect([name, imagePullPolicy]).toEqual([name, 'IfNotPresent'])
    }
    expect(runtimeClassName).toBe(settings.runtimeClass)
  })

  it.each(pods)('%s is what lint wants', (_name, pod) => {
    // But for the default image, which is imported on each node.
    const isFault = ({ rule, severity }: Finding) => severity !== 'note' && rule !== 'image-not-pullable'
    expect(lint(pod).filter(isFault)).toEqual([])
  })
})

describe('settings of the tests on a cluster', () => {
  it('come from the environment', () => {
    const env = { SHM_LIVENESS_IMAGE: 'a:1', SHM_LIVENESS_WORKER_IMAGE: 'b:1', SHM_LIVENESS_NAMESPACE_PREFIX: 'mine' }
    expect(settingsFrom(env)).toMatchObject({ image: 'a:1', workerImage: 'b:1', namespacePrefix: 'mine' })
    expect(settingsFrom(env)).toMatchObject({ kubeconfig: undefined, runtimeClass: undefined, patience: 1 })
  })

  it('refuse what is no number', () => {
    expect(() => settingsFrom({ SHM_LIVENESS_COST_PODS: 'ten' })).toThrow(
      'SHM_LIVENESS_COST_PODS is "ten", no whole number above 0',
    )
  })
})
