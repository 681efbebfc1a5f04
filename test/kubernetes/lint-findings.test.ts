/** What a finding tells, and how an annotation suppresses one. */
import { lint, wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { container, podOf } from '../support/manifests.js'
import { idsOf, livenessProbe, one } from '../support/watched-pods.js'

describe('lint()', () => {
  it('has nothing to say of what wire() makes, in any of its ways', () => {
    const pod = podOf({ containers: [container({ command: ['a'] }), container({ name: 'b', command: ['b'] })] })
    for (const options of [{}, { guard: true }, { via: 'httpGet' }, { guard: { restart: 1 } }] as const) {
      const findings = lint(wire(pod, { ...options, containers: 'all', image: 'registry.example/shm-liveness:1' }))
      expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([])
    }
  })

  it('says where, what, why and what to do', () => {
    const deployment = {
      kind: 'Deployment',
      metadata: { name: 'd' },
      spec: { template: { spec: one({ livenessProbe: { ...livenessProbe, failureThreshold: 1 } }).spec } },
    }
    expect(lint(deployment).filter(({ rule }) => rule === 'failure-threshold')).toEqual([
      {
        rule: 'failure-threshold',
        severity: 'warning',
        message: 'one failure of liveness restarts the container',
        reason: expect.stringContaining('restarts a healthy container'),
        remedy: 'Set failureThreshold to 2 or more.',
        docs: 'docs/operations.md#lint-failure-threshold',
        resource: 'Deployment/d',
        container: 'camera',
        path: ['spec', 'template', 'spec', 'containers', 0, 'livenessProbe'],
      },
    ])
  })

  it.each([
    ['nothing', undefined],
    ['no object', 'Pod'],
    [
      'fields of other types',
      podOf({
        containers: [
          {
            name: 1,
            env: 'a',
            ports: {},
            volumeMounts: [null],
            command: 'shm-guard',
            livenessProbe: { exec: 'cat', httpGet: 1 },
            startupProbe: [],
            resources: 1,
          } as never,
        ],
        volumes: 'a' as never,
        initContainers: [1] as never,
        os: null as never,
        runtimeClassName: 1 as never,
      }),
    ],
    [
      'fields that are null',
      podOf({
        containers: [
          {
            name: 'a',
            env: null,
            command: null,
            livenessProbe: { exec: { command: null }, periodSeconds: null },
          } as never,
        ],
        volumes: null,
        initContainers: null,
      }),
    ],
  ])('does not fall over %s', (_what, resource) => {
    expect(() => lint(resource)).not.toThrow()
  })
})

describe('suppression by annotation', () => {
  const bad = one({ livenessProbe: { ...livenessProbe, failureThreshold: 1 } })
  const key = 'lint.shm-liveness/failure-threshold'

  it('is of one rule, on the pod or on the object that makes it, and says why', () => {
    const suppressing = podOf(bad.spec, { [key]: 'we know' })
    expect(idsOf(bad)).toContain('failure-threshold')
    expect(idsOf(suppressing)).not.toContain('failure-threshold')
    const owner = { kind: 'Job', metadata: { annotations: { [key]: '' } }, spec: { template: { spec: bad.spec } } }
    expect(idsOf(owner)).not.toContain('failure-threshold')
    const all = lint(suppressing, { suppressed: true })
    expect(all.find(({ rule }) => rule === 'failure-threshold')?.suppressed).toBe('we know')
  })

  it('is a finding, if there is no such rule', () => {
    const mistaken = podOf(one({}).spec, { 'lint.shm-liveness/failure-treshold': 'we know' })
    expect(lint(mistaken)).toMatchObject([{ rule: 'unknown-suppression', severity: 'warning' }])
  })
})
