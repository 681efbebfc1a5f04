import { podTemplates } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'

const spec = { containers: [{ name: 'camera' }] }
const template = { metadata: { annotations: { of: 'template' } }, spec }

function pathsIn(resource: unknown): string[] {
  return podTemplates(resource).map(({ path }) => path.join('.'))
}

describe('podTemplates()', () => {
  it.each<[kind: string, resource: object, path: string]>([
    ['Pod', { kind: 'Pod', spec }, 'spec'],
    ['bare pod spec', spec, ''],
    ['PodTemplate', { kind: 'PodTemplate', template }, 'template.spec'],
    ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'Rollout'].map(
      (kind) => [kind, { kind, spec: { template } }, 'spec.template.spec'] satisfies [string, object, string],
    ),
    [
      'CronJob',
      { kind: 'CronJob', spec: { jobTemplate: { spec: { template } } } },
      'spec.jobTemplate.spec.template.spec',
    ],
    [
      'JobSet',
      { kind: 'JobSet', spec: { replicatedJobs: [{ name: 'a', template: { spec: { template } } }] } },
      'spec.replicatedJobs.0.template.spec.template.spec',
    ],
    [
      'LeaderWorkerSet',
      { kind: 'LeaderWorkerSet', spec: { leaderWorkerTemplate: { workerTemplate: template } } },
      'spec.leaderWorkerTemplate.workerTemplate.spec',
    ],
    [
      'List',
      {
        kind: 'List',
        items: [
          { kind: 'Service', spec: {} },
          { kind: 'Pod', spec },
        ],
      },
      'items.1.spec',
    ],
    ['ResourceList', { kind: 'ResourceList', items: [{ kind: 'Pod', spec }] }, 'items.0.spec'],
  ])('finds that of a %s', (_kind, resource, path) => {
    expect(pathsIn(resource)).toEqual([path])
  })

  it('finds several in one object, in order', () => {
    const resource = { spec: { leaderTemplate: template, workerTemplate: template } }
    expect(pathsIn(resource)).toEqual(['spec.leaderTemplate.spec', 'spec.workerTemplate.spec'])
  })

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'spec: { containers: [] }'],
    ['a list', [{ kind: 'Pod', spec }]],
    ['a Service', { kind: 'Service', spec: { selector: {} } }],
    ['a schema of one', { spec: { template: { spec: { containers: { type: 'array' } } } } }],
    ['containers that are none', { kind: 'Pod', spec: { containers: ['camera'] } }],
    ['a pod without containers', { kind: 'Pod', spec: { containers: [] } }],
    ['another sense of containers', { kind: 'Prometheus', spec }],
    ['containers of another kind', { kind: 'Odd', ...spec }],
    ['a ConfigMap that holds one as a text', { kind: 'ConfigMap', data: { pod: 'spec: {containers: []}' } }],
  ])('finds none in %s', (_what, resource) => {
    expect(pathsIn(resource)).toEqual([])
  })

  it('ends also in an object that holds itself', () => {
    const resource: { kind: string; spec: Record<string, unknown> } = { kind: 'Loop', spec: {} }
    resource.spec['again'] = resource
    expect(pathsIn(resource)).toEqual([])
  })

  it('tells kind, name and annotations, those of the template first', () => {
    const metadata = { name: 'vision', annotations: { of: 'object', other: 'kept', number: 1 } }
    expect(podTemplates({ kind: 'Deployment', metadata, spec: { template } })).toEqual([
      {
        path: ['spec', 'template', 'spec'],
        spec,
        kind: 'Deployment',
        name: 'vision',
        annotations: { of: 'template', other: 'kept' },
      },
    ])
  })
})
