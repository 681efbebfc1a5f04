/** What wire chooses by itself, from what the pod says of itself. */
import { type WireOptions, wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import type { Container } from '../../lib/kubernetes/types.js'
import type { Pod } from '../support/manifests.js'

const podOf = (fields: Partial<Container>, ...others: Partial<Container>[]): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'camera' },
  spec: {
    containers: [fields, ...others].map((each, i) => ({
      name: `c${i}`,
      image: 'camera:1',
      command: ['/camera'],
      ...each,
    })),
  },
})
const first = (pod: Pod): Container => pod.spec.containers[0] as Container
const graced = (value: string) => podOf({ env: [{ name: 'SHM_LIVENESS_STARTUP_GRACE', value }] })

describe('the startup probe', () => {
  it.each([
    ['5m', 60],
    ['61s', 13],
    ['60s', 12],
    ['1s', 12],
    ['soon', 12],
  ])('of a worker with a startup grace of %s gives up after %d failures, every 5 s', (grace, failureThreshold) => {
    expect(first(wire(graced(grace))).startupProbe).toMatchObject({ periodSeconds: 5, failureThreshold })
  })

  it.each<[string, Pod, WireOptions]>([
    ['as is asked for now', podOf({}), { guard: { flags: ['--startup-grace=5m'] } }],
    ['as is asked for now, in two words', podOf({}), { guard: { flags: ['--startup-grace', '5m'] }, via: 'httpGet' }],
    ['as is there', podOf({ command: ['/shm-guard', '--startup-grace=5m', '--', '/camera'] }), {}],
    ['beside a shorter variable', graced('1m'), { guard: { flags: ['--startup-grace=5m'] } }],
    ['beside a longer variable, by which probes go', graced('5m'), { guard: { flags: ['--startup-grace=1m'] } }],
  ])('has room for the grace of a flag of the guard, %s', (_, pod, options) => {
    const wired = wire(pod, options)
    expect(first(wired).startupProbe).toMatchObject({ periodSeconds: 5, failureThreshold: 60 })
    expect(wire(wired, options)).toEqual(wired)
  })

  it('counts the period that was asked for, and leaves alone a threshold that was', () => {
    const at = (startup: object) => first(wire(graced('5m'), { startup })).startupProbe
    expect(at({ periodSeconds: 10 })).toMatchObject({ periodSeconds: 10, failureThreshold: 30 })
    expect(at({ failureThreshold: 3 })).toMatchObject({ periodSeconds: 5, failureThreshold: 3 })
    expect(first(wire(graced('5m'), { startup: false })).startupProbe).toBeUndefined()
  })
})

describe('a container with a terminationMessagePath of its own', () => {
  const own = podOf({ terminationMessagePath: '/tmp/last-words' })

  it('has its probes write there', () => {
    const { startupProbe, livenessProbe, readinessProbe } = first(wire(own))
    const log = (probe: Container['startupProbe']) => probe?.exec?.command.find((word) => word.includes('log'))
    expect([startupProbe, livenessProbe, readinessProbe].map(log)).toEqual([
      '--termination-log=/tmp/last-words',
      '--termination-log=/tmp/last-words',
      undefined,
    ])
  })

  it('has its guard write there', () => {
    const options = { guard: { restart: 2 } }
    const wired = wire(own, options)
    expect(first(wired).command).toEqual([
      ...['/shm-liveness/shm-guard', '--restart', '2', '--termination-log=/tmp/last-words', '--', '/camera'],
    ])
    expect(wire(wired, options)).toEqual(wired)
  })

  it('is like any other, if the path is the usual one', () => {
    const usual = podOf({ terminationMessagePath: '/dev/termination-log' })
    expect(first(wire(usual)).livenessProbe?.exec?.command).toContain('--termination-log')
  })
})

describe("the installer's requests", () => {
  const requests = (pod: Pod) => wire(pod, { containers: 'all' }).spec.initContainers?.[0]?.resources?.requests
  const limits = { cpu: '1', memory: '64Mi' }

  it('are its limits in a pod that is Guaranteed, which stays so', () => {
    expect(requests(podOf({ resources: { limits } }))).toEqual({ cpu: '100m', memory: '32Mi' })
    expect(requests(podOf({ resources: { limits, requests: limits } }))).toEqual({ cpu: '100m', memory: '32Mi' })
  })

  it.each<[string, Record<string, string | number>, Record<string, string | number>]>([
    ['2 and "2"', { cpu: 2 }, { cpu: '2' }],
    ['1000m and 1', { cpu: '1000m' }, { cpu: 1 }],
    ['0.5 and 500m', { cpu: 0.5 }, { cpu: '500m' }],
    ['1Gi and 1024Mi', { memory: '1Gi' }, { memory: '1024Mi' }],
    ['1G and 1e9', { memory: '1G' }, { memory: '1e9' }],
  ])('are its limits also where one amount is written in two ways: %s', (_, limit, request) => {
    expect(requests(podOf({ resources: { limits: { ...limits, ...limit }, requests: request } }))).toMatchObject({
      cpu: '100m',
    })
  })

  it.each<[string, Pod]>([
    ['asks for nothing', podOf({})],
    ['has a limit of zero, which counts as none', podOf({ resources: { limits: { ...limits, cpu: '0' } } })],
    ['asks for a thousandth less', podOf({ resources: { limits, requests: { cpu: '999m' } } })],
    ['has what is no quantity', podOf({ resources: { limits: { ...limits, cpu: 'one' } } })],
    ['asks for less than its limits', podOf({ resources: { limits, requests: { cpu: '10m' } } })],
    ['has no limit of memory', podOf({ resources: { limits: { cpu: '1' } } })],
    ['has one container that is not', podOf({ resources: { limits } }, {})],
  ])('are small in a pod that %s', (_, pod) => {
    expect(requests(pod)).toEqual({ cpu: '10m', memory: '32Mi' })
  })

  it('are left out beside those of the pod, above which the API admits no limit', () => {
    const installer = (resources: object) => {
      const pod = podOf({})
      return wire({ ...pod, spec: { ...pod.spec, resources } }).spec.initContainers?.[0]
    }
    expect(installer({ limits: { cpu: '50m', memory: '20Mi' } })).not.toHaveProperty('resources')
    expect(installer({ requests: { cpu: '5m' } })).not.toHaveProperty('resources')
    expect(installer({})).toHaveProperty('resources.limits')
  })
})
