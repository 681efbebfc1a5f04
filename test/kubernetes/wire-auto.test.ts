import { type Container, lint, type WireOptions, wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { container, named, podOf } from '../support/manifests.js'

const flag = '--import=/shm-liveness/auto.mjs'

function wired(env: Container['env'], options: WireOptions = {}) {
  return wire(podOf({ containers: [container(env === undefined ? {} : { env })] }), { auto: true, ...options })
}

const nodeOptions = (pod: ReturnType<typeof wired>) =>
  named(pod, 'camera').env?.find(({ name }) => name === 'NODE_OPTIONS')?.value

describe('wire() with auto', () => {
  it('has Node.js import the module that the init container installs', () => {
    expect(nodeOptions(wired(undefined))).toBe(flag)
    expect(nodeOptions(wired(undefined, { directory: '/opt/hb' }))).toBe('--import=/opt/hb/auto.mjs')
    expect(nodeOptions(wired(undefined, { auto: false }))).toBe(undefined)
  })

  it('adds to what is in NODE_OPTIONS, and only once', () => {
    const pod = wired([{ name: 'NODE_OPTIONS', value: '--max-old-space-size=300' }])
    expect(nodeOptions(pod)).toBe(`--max-old-space-size=300 ${flag}`)
    expect(wire(pod, { auto: true })).toEqual(pod)
    expect(nodeOptions(wired([{ name: 'NODE_OPTIONS' }]))).toBe(flag)
    expect(nodeOptions(wire(wired(undefined), { replace: true }))).toBe(flag)
  })

  it('refuses NODE_OPTIONS that come from elsewhere', () => {
    const env = [{ name: 'NODE_OPTIONS', valueFrom: { configMapKeyRef: { name: 'node', key: 'options' } } }]
    expect(() => wired(env)).toThrow(
      expect.objectContaining({ code: 'VARIABLE_IN_USE', message: expect.stringContaining(`add ${flag} where`) }),
    )
  })

  it.each(['/opt/my tools', '/opt/a"b', '/opt/a$b'])(
    'refuses the directory %s, which NODE_OPTIONS cannot name',
    (directory) => {
      expect(() => wired(undefined, { directory })).toThrow(/^directory: a path without spaces/)
    },
  )

  it('is without a fault to lint', () => {
    const pod = wired(undefined, { image: 'registry.example/shm-liveness:1', guard: { restart: 3 }, command: ['node'] })
    expect(lint(pod)).toEqual([])
  })

  it('is found by lint, where nothing installs the module', () => {
    const pod = wired(undefined, { image: 'registry.example/shm-liveness:1' })
    const elsewhere = { ...named(pod, 'camera'), env: [{ name: 'NODE_OPTIONS', value: '--import=/data/auto.mjs' }] }
    const mounts = [...(elsewhere.volumeMounts ?? []), { name: 'data', mountPath: '/data' }]
    const volumes = [...(pod.spec.volumes ?? []), { name: 'data', emptyDir: {} }]
    const broken = { ...pod, spec: { ...pod.spec, volumes, containers: [{ ...elsewhere, volumeMounts: mounts }] } }
    expect(lint(broken)).toEqual([
      expect.objectContaining({
        rule: 'probe-not-installed',
        message: expect.stringContaining('which is not the folder of /data/auto.mjs in the volume "data"'),
      }),
    ])
  })
})

it('variables that workers read are known to lint', () => {
  const env = ['STACKS', 'AUTO', 'THREAD_MAX_AGE'].map((name) => ({ name: `SHM_LIVENESS_${name}`, value: '1s' }))
  const findings = lint(wired(env, { image: 'registry.example/shm-liveness:1' }))
  expect(findings.filter(({ rule }) => rule === 'unknown-variable')).toEqual([])
})
