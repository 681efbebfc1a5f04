/** Kinds that take less than a pod template has: nothing is written that their admission refuses. */
import fc from 'fast-check'
import { type Container, lint, type PodSpec, podTemplates, type WireOptions, wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { container, frozen } from '../support/manifests.js'

interface Service {
  apiVersion: string
  kind: string
  metadata: object
  spec: { template: { spec: PodSpec } }
}

const unnamed = (fields: Partial<Container> = {}): Container => ({ image: 'camera:1', command: ['camera'], ...fields })
function service(spec: Partial<PodSpec> = {}, metadata: object = { name: 'vision' }): Service {
  const template = { spec: { containers: [unnamed()], ...spec } }
  return { apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata, spec: { template } }
}
const firstOf = ({ spec }: Service): Container => spec.template.spec.containers[0] as Container
const limited = (text: string) =>
  expect.objectContaining({ code: 'KIND_LIMITED', message: expect.stringContaining(text) })

const podFields = ['containers', 'volumes', 'initContainers']
const containerFields = [
  ...['name', 'args', 'command', 'env', 'workingDir', 'envFrom', 'image', 'imagePullPolicy', 'livenessProbe', 'ports'],
  ...['readinessProbe', 'resources', 'securityContext', 'startupProbe', 'terminationMessagePath'],
  ...['terminationMessagePolicy', 'volumeMounts'],
]
const probeFields = ['exec', 'httpGet', 'initialDelaySeconds', 'timeoutSeconds', 'periodSeconds']
const thresholds = ['successThreshold', 'failureThreshold']
const checks = ['startupProbe', 'livenessProbe', 'readinessProbe'] as const

/**
 * What Knative's webhook and the schema of its CRDs refuse of a pod spec: `ValidatePodSpec`, `ContainerMask`, `ProbeMask`,
 * `validateSidecarContainer`, `validateVolumeMounts` of its pkg/apis/serving.
 */
function refusals(spec: PodSpec, features: { initContainers?: boolean } = {}): string[] {
  const unknown = (holder: object, known: string[]) => Object.keys(holder).filter((name) => !known.includes(name))
  const inits = spec.initContainers ?? []
  const containers = [...spec.containers, ...inits]
  const volumes = new Set((spec.volumes ?? []).map(({ name }) => name))
  const mounts = containers.flatMap(({ volumeMounts = [] }) => volumeMounts)
  return [
    ...unknown(spec, podFields),
    ...(inits.length > 0 && !features.initContainers ? ['init-containers is off'] : []),
    ...containers.flatMap((each) => unknown(each, containerFields)),
    ...containers.flatMap((each) =>
      checks.flatMap((check) => unknown(each[check] ?? {}, [...probeFields, ...thresholds])),
    ),
    ...spec.containers
      .filter(({ ports }) => spec.containers.length > 1 && !ports?.length)
      .flatMap((sidecar) => checks.filter((check) => sidecar[check] != null)),
    ...mounts.filter(({ name }) => !volumes.has(name)).map(({ name }) => `volumeMount ${name} without a volume`),
    ...[...volumes].filter((name) => !mounts.some((mount) => mount.name === name)).map((name) => `${name} not mounted`),
  ]
}

describe('a Knative Service', () => {
  it('is wired with the executables of its image: no init container, no volume, no grace, no name', () => {
    const wired = wire(frozen(service()), { installer: 'image' })
    expect(refusals(wired.spec.template.spec)).toEqual([])
    expect(Object.keys(wired.spec.template.spec)).toEqual(['containers'])
    expect(firstOf(wired)).toMatchObject({
      env: [{ name: 'SHM_LIVENESS_REGION', value: 'user-container' }],
      livenessProbe: {
        exec: { command: ['/shm-liveness/shm-probe', '--check', 'liveness', ...Array(3).fill(expect.anything())] },
      },
    })
    expect(firstOf(wired)).not.toHaveProperty('name')
    expect(wire(wired, { installer: 'image' })).toEqual(wired)
    expect(lint(wired)).toEqual([])
  })

  it('is wired with the init container where its operator has enabled those', () => {
    const wired = wire(frozen(service()), { installer: 'init-container' })
    expect(refusals(wired.spec.template.spec, { initContainers: true })).toEqual([])
    expect(wired.spec.template.spec.initContainers).toHaveLength(1)
  })

  it.each<[what: string, options: WireOptions, text: string]>([
    ['without a word on the executables', {}, 'kubernetes.podspec-init-containers; set --installer image'],
    ['by httpGet', { via: 'httpGet', installer: 'image' }, 'to the port that serves'],
    [
      'with a grace',
      { installer: 'image', liveness: { terminationGracePeriodSeconds: 5 } },
      'leave it out of --liveness',
    ],
  ])('is not wired %s, and says why not', (_what, options, text) => {
    expect(() => wire(service(), options)).toThrow(limited(text))
    expect(() => wire(service(), options)).toThrow(/^Service\/vision: /)
  })

  it('has probes of the container that has ports alone, if there are several', () => {
    const spec = { containers: [unnamed({ name: 'a', ports: [{ containerPort: 8080 }] }), unnamed({ name: 'b' })] }
    const wired = wire(service(spec), { installer: 'image', containers: ['a'] })
    expect(refusals(wired.spec.template.spec)).toEqual([])
    expect(() => wire(service(spec), { installer: 'image', containers: 'all' })).toThrow(
      limited('multi-container-probing'),
    )
    expect(() => wire(service(spec), { installer: 'image' })).toThrow(
      expect.objectContaining({ code: 'CONTAINER_UNCLEAR' }),
    )
  })

  it('may be named by the name that Knative gives its container', () => {
    const wired = wire(service(), { installer: 'image', containers: ['user-container'] })
    expect(firstOf(wired)).toHaveProperty('livenessProbe')
    expect(() => wire(service(), { installer: 'image', containers: ['camera'] })).toThrow(/they have user-container/)
  })

  it('is refused nothing that is written, whatever is asked for', () => {
    const any = fc.record<WireOptions>(
      {
        installer: fc.constantFrom('image', 'init-container', undefined),
        via: fc.constantFrom('exec', 'httpGet'),
        guard: fc.constantFrom(false, { restart: 2 }),
        containers: fc.constantFrom<WireOptions['containers'][]>('all', ['a'], ['b'], undefined),
        liveness: fc.constantFrom(false as const, { periodSeconds: 3 }, { terminationGracePeriodSeconds: 3 }),
      },
      { requiredKeys: [] },
    )
    const specs = [
      { containers: [unnamed()] },
      { containers: [unnamed({ name: 'a', ports: [{ containerPort: 80 }] }), unnamed({ name: 'b' })] },
      { containers: [unnamed({ name: 'a' })], volumes: [{ name: 'v', emptyDir: {} }] },
    ]
    let wiredCount = 0
    fc.assert(
      fc.property(any, fc.constantFrom(...specs), (options, spec) => {
        let wired: Service
        try {
          wired = wire(service(spec as PodSpec), options)
        } catch (error) {
          expect(error).toHaveProperty('code')
          return
        }
        wiredCount++
        const features = { initContainers: options.installer === 'init-container' }
        const before = refusals(spec as PodSpec)
        expect(refusals(wired.spec.template.spec, features).filter((each) => !before.includes(each))).toEqual([])
      }),
      { numRuns: 500 },
    )
    expect(wiredCount).toBeGreaterThan(20)
  })
})

describe('kinds beside it', () => {
  const spec = { containers: [unnamed()] }
  const serving = { apiVersion: 'serving.knative.dev/v1', metadata: { name: 'vision' } }

  it.each([
    ['Configuration', { ...serving, kind: 'Configuration', spec: { template: { spec } } }, 'spec.template.spec'],
    ['Revision', { ...serving, kind: 'Revision', spec: { ...spec, timeoutSeconds: 9 } }, 'spec'],
  ])('%s of Knative is the same', (_kind, resource, path) => {
    const [template] = podTemplates(resource)
    expect(template).toMatchObject({ platform: 'knative', path: path.split('.') })
    expect(() => wire(resource)).toThrow(limited('--installer'))
    const [wired] = podTemplates(wire(resource, { installer: 'image' }))
    expect(wired?.spec.containers[0]).toHaveProperty('livenessProbe')
  })

  it.each([
    [
      'of its own API',
      { apiVersion: 'run.googleapis.com/v1', kind: 'Job', spec: { template: { spec: { template: { spec } } } } },
    ],
    ['by an annotation', service({}, { name: 'vision', annotations: { 'run.googleapis.com/ingress': 'all' } })],
    ['by its label', service({}, { name: 'vision', labels: { 'cloud.googleapis.com/location': 'a' } })],
  ])('a service of Cloud Run, %s, is not wired', (_what, resource) => {
    expect(() => wire(resource, { installer: 'image' })).toThrow(limited('Cloud Run execs no probes'))
  })

  it.each([
    ['ScaledJob', 'keda.sh/v1alpha1', { jobTargetRef: { template: { spec } } }],
    ['CloneSet', 'apps.kruise.io/v1alpha1', { template: { spec } }],
    ['AdvancedCronJob', 'apps.kruise.io/v1alpha1', { template: { jobTemplate: { spec: { template: { spec } } } } }],
    ['Rollout', 'argoproj.io/v1alpha1', { template: { spec } }],
    ['Service', 'v1', { template: { spec } }],
  ])('%s of %s has a whole template', (kind, apiVersion, whole) => {
    const named = JSON.parse(JSON.stringify({ kind, apiVersion, spec: whole }).replace('"image"', '"name":"a","image"'))
    const [template] = podTemplates(wire(named))
    expect(template?.platform).toBeUndefined()
    expect(template?.spec.initContainers).toHaveLength(1)
  })

  it.each([
    ['Workflow', 'argoproj.io/v1alpha1', { templates: [{ container: unnamed() }] }, 'steps are containers'],
    ['Task', 'tekton.dev/v1', { steps: [{ name: 'a', image: 'a' }] }, 'shm-guard'],
    ['SidecarSet', 'apps.kruise.io/v1alpha1', { containers: [container()] }, 'pods of others'],
    ['InferenceService', 'serving.kserve.io/v1beta1', { predictor: { containers: [container()] } }, 'KServe'],
  ])('%s has none, and says what to do', (kind, apiVersion, itsSpec, reason) => {
    const refusal = expect.objectContaining({ code: 'NO_POD_TEMPLATE', message: expect.stringContaining(reason) })
    expect(() => wire({ kind, apiVersion, spec: itsSpec })).toThrow(refusal)
  })
})

describe('installer image', () => {
  const pod = { kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [container()] } }

  it('is for any pod: probes, and nothing beside them', () => {
    const { spec } = wire(pod, { installer: 'image', directory: '/usr/local/bin' })
    expect(Object.keys(spec)).toEqual(['containers'])
    expect(spec.containers[0]?.livenessProbe).toMatchObject({
      exec: { command: expect.arrayContaining(['/usr/local/bin/shm-probe']) },
      terminationGracePeriodSeconds: 5,
    })
    expect(spec.containers[0]).not.toHaveProperty('volumeMounts')
  })

  it.each([{ image: 'a' }, { name: 'b' }, { runAsUser: 7 }] as const)('goes not with %j', (options) => {
    const refusal = expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining('--installer') })
    expect(() => wire(pod, { ...options, installer: 'image' })).toThrow(refusal)
  })

  it('is refused where an earlier wiring installs them', () => {
    expect(() => wire(wire(pod), { installer: 'image' })).toThrow(
      expect.objectContaining({
        code: 'INIT_CONTAINER_IN_USE',
        message: expect.stringContaining('hide those of the image'),
      }),
    )
  })

  it('is init-container or image', () => {
    expect(() => wire(pod, { installer: 'both' as never })).toThrow(/^installer/)
  })
})
