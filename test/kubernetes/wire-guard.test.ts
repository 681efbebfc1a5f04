import { type WireOptions, wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { container, named, podOf } from '../support/manifests.js'

const refused = (code: string, text = '') => expect.objectContaining({ code, message: expect.stringContaining(text) })

describe('the guard', () => {
  const pod = podOf({ containers: [container({ command: ['node', 'main.js'], args: ['--fast'] })] })

  it('goes before the command, and leaves the arguments where they are', () => {
    const camera = named(
      wire(pod, { guard: { restart: 3, grace: 2000, signal: 'SEGV', restartBudget: '10s' } }),
      'camera',
    )
    const flags = ['--restart', '3', '--restart-budget', '10s', '--signal', 'SEGV', '--grace', '2000ms']
    expect(camera.command).toEqual(['/shm-liveness/shm-guard', ...flags, '--', 'node', 'main.js'])
    expect(camera.args).toEqual(['--fast'])
    expect(camera.livenessProbe).toMatchObject({ exec: {}, periodSeconds: 5 })
    expect(camera.env).toEqual([{ name: 'SHM_LIVENESS_REGION', value: 'camera' }])
  })

  it('is told what the kubelet stops the container by', () => {
    const stopsBy = podOf({ containers: [container({ command: ['nginx'], lifecycle: { stopSignal: 'SIGQUIT' } })] })
    const variable = { name: 'SHM_LIVENESS_STOP_SIGNAL', value: 'SIGQUIT' }
    expect(named(wire(stopsBy, { guard: true }), 'camera').env).toContainEqual(variable)
    expect(named(wire(stopsBy, {}), 'camera').env).not.toContainEqual(variable)
  })

  it('must be told what an image runs', () => {
    const unknown = podOf({ containers: [container({ args: ['--fast'] })] })
    expect(() => wire(unknown, { guard: true })).toThrow(
      refused('COMMAND_UNKNOWN', 'the ENTRYPOINT alone with --command'),
    )
    expect(() => wire(podOf({ containers: [container({ command: [] })] }), { guard: true })).toThrow(
      refused('COMMAND_UNKNOWN', '(ENTRYPOINT and CMD)'),
    )
    const told = named(wire(unknown, { guard: true, command: ['/entrypoint.sh'] }), 'camera')
    expect(told.command).toEqual(['/shm-liveness/shm-guard', '--', '/entrypoint.sh'])
  })

  it('is not told in vain', () => {
    const options: WireOptions = { guard: true, command: ['other'] }
    expect(() => wire(pod, options)).toThrow(refused('COMMAND_EXISTS', 'all have one: Pod/camera, container "camera"'))
    const guarded = wire(pod, { guard: true })
    expect(() => wire(guarded, { ...options, replace: true })).toThrow(refused('COMMAND_EXISTS'))
    // What it was told before it may be told again.
    const once = wire(podOf(), options)
    expect(wire(once, options)).toEqual(once)
    expect(() => wire(pod, { command: ['other'] })).toThrow(
      refused('INVALID_OPTION', 'command: no value without the guard'),
    )
  })

  it('is told what one image runs, and not what several do', () => {
    const options: WireOptions = { containers: 'all', guard: true, command: ['/entry'] }
    const radar = container({ name: 'radar' })
    const two = podOf({ containers: [container(), radar] })
    expect(() => wire(two, options)).toThrow(
      refused(
        'COMMAND_UNKNOWN',
        '2 containers that have none: Pod/camera, container "camera", Pod/camera, container "radar"',
      ),
    )
    expect(() => wire({ kind: 'List', items: [podOf(), podOf()] }, options)).toThrow(refused('COMMAND_UNKNOWN'))
    // One that says itself what it runs, or has a guard already, does not take it.
    const told = podOf({ containers: [container(), { ...radar, command: ['radar'] }] })
    expect(named(wire(told, options), 'radar').command).toEqual(['/shm-liveness/shm-guard', '--', 'radar'])
    const once = wire(two, { ...options, containers: ['camera'] })
    expect(named(wire(once, { ...options, command: ['/other'] }), 'radar').command?.at(-1)).toBe('/other')
  })

  it('is there once, and with other flags only on request', () => {
    const once = wire(pod, { guard: { restart: 3 } })
    expect(wire(once, { guard: { restart: 3 } })).toEqual(once)
    expect(() => wire(once, { guard: true })).toThrow(refused('GUARD_EXISTS', '--restart 3'))
    const again = wire(once, { guard: { restart: 1 }, replace: true })
    expect(named(again, 'camera').command).toEqual([
      '/shm-liveness/shm-guard',
      '--restart',
      '1',
      '--',
      'node',
      'main.js',
    ])
    const endless = podOf({ containers: [container({ command: ['/shm-guard', 'node'] })] })
    expect(() => wire(endless, { guard: true, replace: true })).toThrow(refused('GUARD_EXISTS', '--'))
  })

  it('is read from the command and the arguments behind it', () => {
    const inArgs = (...args: string[]) => podOf({ containers: [container({ command: ['/shm-guard'], args })] })
    const once = inArgs('--restart', '3', '--', 'node', '--fast')
    expect(() => wire(once, { guard: true })).toThrow(refused('GUARD_EXISTS', '(--restart 3)'))
    const same = named(wire(once, { guard: { restart: 3 } }), 'camera')
    expect([same.command, same.args]).toEqual([['/shm-guard'], ['--restart', '3', '--', 'node', '--fast']])
    const replaced = wire(once, { guard: { restart: 1 }, replace: true })
    const { command, args } = named(replaced, 'camera')
    expect(command).toEqual(['/shm-liveness/shm-guard', '--restart', '1', '--'])
    expect(args).toEqual(['node', '--fast'])
    expect(wire(replaced, { guard: { restart: 1 } })).toEqual(replaced)
    // Its port is its own there, too.
    const moved = named(wire(inArgs('--listen=0.0.0.0:7001', '--', 'a'), { via: 'httpGet', replace: true }), 'camera')
    expect(moved.env?.[1]?.value).toBe('0.0.0.0:7001')
    const beside = podOf({
      containers: [
        container({ command: ['/camera'] }),
        container({ name: 'watcher', command: ['/shm-guard'], args: ['--region=camera', '--listen', '0.0.0.0:9808'] }),
      ],
    })
    const wired = wire(beside, { containers: ['camera'], via: 'httpGet' })
    expect(named(wired, 'camera').livenessProbe?.httpGet?.port).toBe(9809)
  })

  it('is told what runs before arguments that stay, and may be told again', () => {
    const options: WireOptions = { guard: true, command: ['/entry'] }
    const once = wire(podOf({ containers: [container({ args: ['x'] })] }), options)
    expect(wire(once, options)).toEqual(once)
  })

  it('stays in mind when probes are wired again without it', () => {
    const guarded = wire(pod, { guard: true })
    expect(wire(guarded)).toEqual(guarded)
  })
})
