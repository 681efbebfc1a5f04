import { wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { container, podOf } from '../support/manifests.js'

const refused = (code: string) => expect.objectContaining({ code })

describe('what is wired', () => {
  const demanding = (...terms: object[]) => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: terms.map((each) => ({ matchExpressions: [each] })),
        },
      },
    },
  })
  const system = 'kubernetes.io/os'
  const onWindows = { key: system, operator: 'In', values: ['windows'] }
  const windowsOptions = { runAsUserName: 'ContainerUser' }

  it.each<object>([
    { os: { name: 'windows' } },
    { nodeSelector: { [system]: 'windows' } },
    { nodeSelector: { 'beta.kubernetes.io/os': 'windows' } },
    demanding(onWindows),
    demanding(onWindows, { ...onWindows, key: 'beta.kubernetes.io/os' }),
    demanding({ key: system, operator: 'NotIn', values: ['linux'] }),
    { securityContext: { windowsOptions } },
    { containers: [container({ securityContext: { windowsOptions } })] },
  ])('is not on Windows: %j', (fields) => {
    expect(() => wire(podOf(fields))).toThrow(refused('WINDOWS'))
  })

  it.each<object>([
    { os: { name: 'linux' } },
    { nodeSelector: { [system]: 'linux' } },
    demanding({ ...onWindows, values: ['linux', 'windows'] }),
    demanding({ ...onWindows, operator: 'NotIn' }),
    demanding(onWindows, { key: 'zone', operator: 'In', values: ['windows'] }),
    { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: 'odd' } } } },
    { affinity: null, securityContext: { windowsOptions: {} } },
  ])('is on Linux, if it may be: %j', (fields) => {
    expect(() => wire(podOf(fields))).not.toThrow()
  })
})
