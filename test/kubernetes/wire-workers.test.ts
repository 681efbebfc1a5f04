import { type WireOptions, wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { claim } from '../support/held.js'
import { container, named, podOf } from '../support/manifests.js'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'

const refused = (code: string, text: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(text) })

/** What the kubelet would run as the readiness probe of a pod wired so, with its environment. */
function asked(region: string, options: WireOptions) {
  const camera = named(wire(podOf(), { region, ...options }), 'camera')
  const [, ...args] = camera.readinessProbe?.exec?.command ?? []
  return probe(args, { env: Object.fromEntries((camera.env ?? []).map(({ name, value }) => [name, value ?? ''])) })
}

describe('the workers that a probe wants', () => {
  it('are all that are there, unless some are named, or a number is', async () => {
    const region = uniqueRegion()
    for (const name of ['grabber', 'sorter']) {
      const worker = claim(region, { name, maxAge: '1h' })
      worker.ready()
      worker.beat()
    }
    expect(await asked(region, {})).toMatchObject({ code: 0 })
    expect(await asked(region, { expect: ['grabber', 'sorter'], min: 2 })).toMatchObject({ code: 0 })
    const ghost = await asked(region, { expect: ['grabber', 'ghost'] })
    expect(ghost).toMatchObject({ code: 1, stdout: expect.stringContaining('ghost') })
    expect(await asked(region, { min: 3 })).toMatchObject({ code: 1 })
  })

  it('may be as many as the probe takes', async () => {
    const names = Array.from({ length: 64 }, (_, index) => `${index}`.padEnd(63, '-'))
    expect(await asked(uniqueRegion(), { expect: names, min: 4096 })).toMatchObject({ code: 1, stderr: '' })
    const tooMany = { SHM_LIVENESS_EXPECT: [...names, 'a'].join() }
    expect(await probe([], { env: tooMany })).toMatchObject({ code: 2 })
    expect(await probe([], { env: { SHM_LIVENESS_MIN: '4097' } })).toMatchObject({ code: 2 })
  })

  it('stay as the variables have them, and others only on request', () => {
    const env = [
      { name: 'SHM_LIVENESS_EXPECT', value: 'grabber' },
      { name: 'SHM_LIVENESS_MIN', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'SHM_LIVENESS_REGION', value: 'camera' },
    ]
    const pod = podOf({ containers: [container({ env })] })
    expect(named(wire(pod), 'camera').env).toEqual(env)
    expect(named(wire(pod, { expect: ['grabber'] }), 'camera').env).toEqual(env)
    expect(() => wire(pod, { expect: ['sorter'] })).toThrow(refused('VARIABLE_IN_USE', 'give no --expect'))
    expect(() => wire(pod, { min: 2 })).toThrow(
      refused('VARIABLE_IN_USE', 'SHM_LIVENESS_MIN is set already, and not to "2"'),
    )
    const replaced = wire(pod, { expect: ['sorter'], min: 2, replace: true })
    expect(named(replaced, 'camera').env).toEqual([
      { name: 'SHM_LIVENESS_EXPECT', value: 'sorter' },
      { name: 'SHM_LIVENESS_MIN', value: '2' },
      env[2],
    ])
  })

  it('of several containers are named for each by itself, and counted for all', () => {
    const two = podOf({ containers: [container(), container({ name: 'radar' })] })
    const wired = wire(two, { containers: ['camera', 'radar'], min: 2 })
    for (const name of ['camera', 'radar']) {
      expect(named(wired, name).env).toContainEqual({ name: 'SHM_LIVENESS_MIN', value: '2' })
    }
    const once = wire(two, { containers: ['camera'], expect: ['grabber'] })
    const twice = wire(once, { containers: ['radar'], expect: ['sweeper'] })
    expect(named(twice, 'camera').env).toContainEqual({ name: 'SHM_LIVENESS_EXPECT', value: 'grabber' })
    expect(named(twice, 'radar').env).toContainEqual({ name: 'SHM_LIVENESS_EXPECT', value: 'sweeper' })
  })
})
