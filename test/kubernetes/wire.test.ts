import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { type Container, lint, type PodSpec, probes, type WireOptions, wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { container, frozen, named, podOf } from '../support/manifests.js'
import { validate } from '../support/schema.js'

const refused = (code: string, text = '') => expect.objectContaining({ code, message: expect.stringContaining(text) })
const installer = (pod: { spec: PodSpec }) => pod.spec.initContainers?.[0] as Container

describe('wire()', () => {
  it('adds the probes, a region of its own, and the executables', () => {
    const camera = named(wire(podOf()), 'camera')
    expect(camera).toMatchObject(probes())
    expect(camera.env).toEqual([{ name: 'SHM_LIVENESS_REGION', value: 'camera' }])
    expect(camera.volumeMounts).toEqual([{ name: 'shm-liveness', mountPath: '/shm-liveness', readOnly: true }])
    expect(wire(podOf()).spec.volumes).toEqual([{ name: 'shm-liveness', emptyDir: {} }])
  })

  it('installs and tests the executables before anything else, as the restricted level wants it', () => {
    const pod = wire(podOf({ initContainers: [container({ name: 'migrate' })] }))
    expect(pod.spec.initContainers?.map(({ name }) => name)).toEqual(['shm-liveness', 'migrate'])
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(installer(pod)).toEqual({
      name: 'shm-liveness',
      image: `localhost/shm-liveness:${version}`,
      command: ['/shm-probe', '--install', '/shm-liveness'],
      volumeMounts: [{ name: 'shm-liveness', mountPath: '/shm-liveness' }],
      resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { cpu: '100m', memory: '32Mi' } },
      terminationMessagePolicy: 'FallbackToLogsOnError',
      securityContext: {
        runAsUser: 65532,
        runAsGroup: 65532,
        runAsNonRoot: true,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      },
    })
  })

  it('names another image, directory, volume and user', () => {
    const options = { image: 'a.example/b@sha256:0', directory: '/opt/hb', name: 'hb', runAsUser: 'inherit' } as const
    const pod = wire(podOf(), options)
    expect(installer(pod)).toMatchObject({ name: 'hb', image: 'a.example/b@sha256:0' })
    expect(installer(pod).command).toEqual(['/shm-probe', '--install', '/opt/hb'])
    expect(installer(pod).securityContext).not.toHaveProperty('runAsUser')
    expect(named(pod, 'camera').livenessProbe?.exec?.command[0]).toBe('/opt/hb/shm-probe')
    expect(named(pod, 'camera').volumeMounts).toEqual([{ name: 'hb', mountPath: '/opt/hb', readOnly: true }])
  })

  it('changes nothing in what it is given', () => {
    const pod = frozen(
      podOf({ containers: [container({ env: [], volumeMounts: [] })], volumes: [], initContainers: [] }),
    )
    expect(wire(pod).spec.containers[0]?.env).toHaveLength(1)
  })

  it('keeps whatever it does not know', () => {
    const odd = { ...podOf(), status: { phase: 'Running' }, spec: { ...podOf().spec, hostUsers: false } }
    expect(wire(odd)).toMatchObject({ status: { phase: 'Running' }, spec: { hostUsers: false } })
  })

  it('takes a bare pod spec', () => {
    expect(wire(podOf().spec).initContainers).toHaveLength(1)
  })

  it('leaves readiness out of what runs to completion, and can be told otherwise', () => {
    const job = podOf({ restartPolicy: 'Never' })
    expect(named(wire(job), 'camera').readinessProbe).toBeUndefined()
    expect(named(wire(job, { readiness: {} }), 'camera').readinessProbe).toBeDefined()
  })
})

describe('which containers are wired', () => {
  const two = podOf({ containers: [container(), container({ name: 'proxy' })] })
  const sidecar = podOf({
    initContainers: [container({ name: 'proxy', restartPolicy: 'Always' }), container({ name: 'migrate' })],
    ephemeralContainers: [container({ name: 'debugger' })],
  })

  it('is the only one, those named, or all', () => {
    expect(named(wire(two, { containers: ['proxy'] }), 'camera')).toEqual(container())
    expect(named(wire(two, { containers: ['proxy'] }), 'proxy').livenessProbe).toBeDefined()
    const all = wire(two, { containers: 'all' })
    expect(all.spec.containers.map(({ env }) => env?.[0]?.value)).toEqual(['camera', 'proxy'])
    expect(() => wire(two)).toThrow(refused('CONTAINER_UNCLEAR', 'Pod/camera: it has 2 containers (camera, proxy)'))
  })

  it('may be a native sidecar, which then starts behind the installer', () => {
    const pod = wire(sidecar, { containers: ['proxy'] })
    expect(pod.spec.initContainers?.map(({ name }) => name)).toEqual(['shm-liveness', 'proxy', 'migrate'])
    expect(named(pod, 'proxy')).toMatchObject({ ...probes(), env: [{ value: 'proxy' }] })
    expect(named(pod, 'camera')).toEqual(container())
  })

  it.each(['migrate', 'debugger'])('is not %s, which can have no probes', (name) => {
    expect(() => wire(sidecar, { containers: [name] })).toThrow(refused('CONTAINER_KIND', `"${name}"`))
  })

  it('is one of some template at least', () => {
    const list = { kind: 'List', items: [two, podOf()] }
    expect(wire(list, { containers: ['proxy'] }).items[1]).toEqual(podOf())
    expect(() => wire(list, { containers: ['camra'] })).toThrow(
      refused('CONTAINER_MISSING', 'no pod has a container "camra", they have camera, proxy'),
    )
    expect(() => wire(list, { containers: ['proxy', 'camra', 'prxy'] })).toThrow(
      refused('CONTAINER_MISSING', 'no pod has a container "camra", "prxy"'),
    )
  })

  it('has a name', () => {
    const nameless = podOf({ containers: [{ image: 'camera:1' }] })
    expect(() => wire(nameless)).toThrow(refused('CONTAINER_UNCLEAR', 'no name'))
  })

  it('is in a pod at all', () => {
    expect(() => wire({ kind: 'Service' })).toThrow(refused('NO_POD_TEMPLATE'))
  })
})

describe('what is there already', () => {
  const probe = { exec: { command: ['cat', '/tmp/healthy'] } }
  const withProbe = podOf({ containers: [container({ livenessProbe: probe })] })

  it('is a probe: an error, replaced, or left alone', () => {
    expect(() => wire(withProbe)).toThrow(refused('PROBE_EXISTS', 'container "camera": it has a livenessProbe'))
    expect(named(wire(withProbe, { replace: true }), 'camera')).toMatchObject(probes())
    expect(named(wire(withProbe, { liveness: false }), 'camera').livenessProbe).toEqual(probe)
  })

  it('is a probe of null, which is none', () => {
    const pod = podOf({ containers: [container({ livenessProbe: null, startupProbe: null })] })
    expect(named(wire(pod), 'camera')).toMatchObject(probes())
  })

  it('is our probe with what the API server adds', () => {
    const wired = wire(podOf(), { via: 'httpGet', command: ['camera'] })
    const live = structuredClone(wired)
    for (const field of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
      Object.assign(named(live, 'camera')[field]!, { successThreshold: 1, initialDelaySeconds: 0 })
      Object.assign(named(live, 'camera')[field]!.httpGet!, { scheme: 'HTTP' })
    }
    expect(wire(live, { via: 'httpGet', command: ['camera'] })).toEqual(live)
    Object.assign(named(live, 'camera').livenessProbe!.httpGet!, { scheme: 'HTTPS' })
    expect(() => wire(live, { via: 'httpGet', command: ['camera'] })).toThrow(refused('PROBE_EXISTS'))
  })

  it('is a region, which stays unless another is asked for', () => {
    const env = [{ name: 'SHM_LIVENESS_REGION', value: 'front' }]
    const pod = podOf({ containers: [container({ env })] })
    expect(named(wire(pod), 'camera').env).toEqual(env)
    expect(() => wire(pod, { region: 'rear' })).toThrow(refused('VARIABLE_IN_USE', 'not to "rear"'))
    const replaced = wire(pod, { region: 'rear', replace: true })
    expect(named(replaced, 'camera').env).toEqual([{ name: 'SHM_LIVENESS_REGION', value: 'rear' }])
  })

  it('is a volume of the name: an emptyDir is used, another refused', () => {
    for (const volume of [{ emptyDir: { medium: 'Memory' } }, {}, { emptyDir: null }]) {
      const volumes = [{ name: 'shm-liveness', ...volume }]
      expect(wire(podOf({ volumes })).spec.volumes).toEqual(volumes)
    }
    const volumes = [{ name: 'shm-liveness', configMap: { name: 'a' } }]
    expect(() => wire(podOf({ volumes }))).toThrow(refused('VOLUME_IN_USE', '--name'))
  })

  it('is a mount at the path: ours is used, another refused', () => {
    const mounted = (mount: object) =>
      podOf({
        containers: [container({ volumeMounts: [{ name: 'shm-liveness', mountPath: '/shm-liveness/', ...mount }] })],
      })
    expect(named(wire(mounted({})), 'camera').volumeMounts).toHaveLength(1)
    expect(() => wire(mounted({ name: 'data' }))).toThrow(refused('MOUNT_IN_USE', '--directory'))
    expect(() => wire(mounted({ subPath: 'bin' }))).toThrow(refused('MOUNT_IN_USE'))
  })

  it('is a container of the name that does something else', () => {
    const other = container({ name: 'shm-liveness' })
    expect(() => wire(podOf({ initContainers: [other] }))).toThrow(refused('INIT_CONTAINER_IN_USE', '--name'))
    const beside = podOf({ containers: [container(), other] })
    expect(() => wire(beside, { containers: ['camera'] })).toThrow(refused('INIT_CONTAINER_IN_USE'))
  })

  it('is an installer, which keeps what was changed by hand and comes first', () => {
    const wired = wire(podOf())
    const mine = { ...installer(wired), image: 'mirror/shm-liveness:9', imagePullPolicy: 'Always' }
    const moved = { ...wired, spec: { ...wired.spec, initContainers: [container({ name: 'migrate' }), mine] } }
    expect(wire(moved).spec.initContainers).toEqual([mine, container({ name: 'migrate' })])
    expect(installer(wire(moved, { image: 'shm-liveness:10' })).image).toBe('shm-liveness:10')
    expect(installer(wire(moved, { replace: true, liveness: { periodSeconds: 2 } }))).toEqual(mine)
    const byPlatform = installer(wire(moved, { runAsUser: 'inherit' }))
    const { runAsUser, runAsGroup, ...others } = installer(wired).securityContext as Record<string, unknown>
    expect([runAsUser, runAsGroup]).toEqual([65532, 65532])
    expect(byPlatform).toEqual({ ...mine, securityContext: others })
  })
})

describe('what is not as the API has it', () => {
  it.each<[string, object]>([
    ['env', { env: { MODE: 'fast' } }],
    ['env', { env: [null] }],
    ['volumeMounts', { volumeMounts: '/data' }],
    ['command', { command: 'node main.js' }],
    ['command', { command: [1] }],
    ['livenessProbe', { livenessProbe: true }],
    ['startupProbe', { startupProbe: [] }],
  ])('is not overwritten: a container with %s: %j', (field, fields) => {
    const pod = podOf({ containers: [container(fields as Partial<Container>)] })
    expect(() => wire(pod)).toThrow(refused('FIELD_MALFORMED', `container "camera": containers[0].${field}`))
  })

  it.each<[string, object]>([
    ['containers', { containers: [null, container()] }],
    ['initContainers', { initContainers: [null] }],
    ['initContainers', { initContainers: {} }],
    ['volumes', { volumes: { data: {} } }],
  ])('is not overwritten: a pod with %s: %j', (field, fields) => {
    expect(() => wire(podOf(fields))).toThrow(refused('FIELD_MALFORMED', `Pod/camera: ${field}`))
  })

  it('does not matter in containers that stay as they are', () => {
    const odd = container({ name: 'odd', env: { MODE: 'fast' } as never })
    expect(named(wire(podOf({ containers: [container(), odd] }), { containers: ['camera'] }), 'odd')).toEqual(odd)
  })
})

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/).filter((text) => text !== 'shm-liveness')
const env = fc.array(fc.record({ name: fc.constantFrom('MODE', 'SHM_LIVENESS_REGION'), value: fc.string() }), {
  maxLength: 3,
})
const anyContainer = fc.record(
  {
    name: fc.constant(''),
    image: fc.constant('image:1'),
    command: fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 3 }),
    args: fc.array(fc.string()),
    env: fc.option(env, { nil: undefined }),
    ports: fc.array(fc.record({ containerPort: fc.integer({ min: 9800, max: 9815 }) }), { maxLength: 3 }),
    livenessProbe: fc.constantFrom(undefined, null),
    volumeMounts: fc.array(fc.constant({ name: 'data', mountPath: '/data' }), { maxLength: 1 }),
  },
  { requiredKeys: ['name', 'image', 'command'] },
)
const anyPod = fc
  .record({
    names: fc.uniqueArray(name, { minLength: 1, maxLength: 4 }),
    containers: fc.array(anyContainer, { minLength: 4, maxLength: 4 }),
    sidecars: fc.nat(2),
    restartPolicy: fc.constantFrom('Always', 'Never'),
  })
  .map(({ names, containers, sidecars, restartPolicy }) => {
    const all = names.map((each, index) => ({ ...containers[index]!, name: each }) as Container)
    const count = Math.min(sidecars, all.length - 1)
    const initContainers = all.slice(0, count).map((each) => ({ ...each, restartPolicy: 'Always' }))
    return podOf({ restartPolicy, containers: all.slice(count), ...(count > 0 && { initContainers }) })
  })
const anyOptions: fc.Arbitrary<WireOptions> = fc.record(
  {
    via: fc.constantFrom('exec', 'httpGet'),
    guard: fc.constantFrom({}, { restart: 2 }, { flags: ['--build'] }),
    liveness: fc.constantFrom(false as const, { periodSeconds: 3 }),
    directory: fc.constantFrom('/shm-liveness', '/a/b'),
    auto: fc.boolean(),
  },
  { requiredKeys: [] },
)

describe('any pod', () => {
  it('is wired once and for all, is valid, and lint finds no error', () => {
    fc.assert(
      fc.property(anyPod, anyOptions, (pod, options) => {
        const all: WireOptions = { ...options, containers: 'all' }
        const once = wire(frozen(pod), all)
        expect(wire(frozen(once), all)).toEqual(once)
        validate(once)
        const regions = once.spec.containers.map(({ env: variables }) => JSON.stringify(variables))
        const hasRegions = JSON.stringify(pod).includes('SHM_LIVENESS_REGION')
        if (!hasRegions) expect(lint(once).filter(({ severity }) => severity === 'error')).toEqual([])
        expect(regions.every((text) => text.includes('SHM_LIVENESS_REGION'))).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})
