import { statSync } from 'node:fs'
import type { Container } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { type PodContainer, play, sampleContainer, wired } from '../support/pod.js'
import { images, useImages, whyNoPodman } from '../support/podman.js'

useImages()

const command = ['/sample-worker']

/** A container whose entrypoint is the guard, PID 1. */
function guarded(script: string, flags: string[], fields: Partial<Container> = {}): PodContainer {
  return play(wired([sampleContainer('camera', script, { command, ...fields })], ['--guard', ...flags]))('camera')
}

/** When the lines with this text were printed, in ms. */
function timesOf(container: PodContainer, text: string): number[] {
  return container
    .log()
    .flatMap((line) => new RegExp(`^(\\d{13}) ${text}`).exec(line)?.[1] ?? [])
    .map(Number)
}

/** The record's second line, the one for programs. */
function recordOf(container: PodContainer): Record<string, unknown> {
  return JSON.parse(container.record().trim().split('\n').at(-1) ?? '')
}

describe.skipIf(whyNoPodman !== undefined)('the guard as entrypoint', () => {
  it('restarts a stalled worker in place within a second, while the probes pass', async () => {
    const camera = guarded('ready,once,beat:1s,stall', ['--restart', '3'])
    const pid = camera.state().Pid
    expect(await camera.eventually('pass pass pass')).toBe('pass pass pass')
    const claims = await eventually(
      () => timesOf(camera, 'claimed'),
      (times) => times.length === 2,
    )
    const [stalled] = timesOf(camera, 'stall')
    expect(claims, camera.log().join('\n')).toHaveLength(2)
    expect((claims[1] ?? Infinity) - (stalled ?? 0)).toBeLessThan(1_500) // 250 ms of max age, a pause of 100 ms
    expect(await camera.eventually('pass pass pass')).toBe('pass pass pass')
    expect(camera.state()).toMatchObject({ Status: 'running', Pid: pid })
    expect(camera.log().join('\n')).toMatch(/shm-guard: stalled: loop last beat /)
  })

  it.each([
    ['stalls, and is not restarted', 'ready,beat:300ms,stall', [], 120, { outcome: 'stalled', exit: 120 }],
    ['exits by itself', 'ready,beat:100ms,exit:7', [], 7, { outcome: 'exited', exit: 7 }],
    ['is done', 'ready,beat:100ms,stop:0', [], 0, { outcome: 'exited', exit: 0 }],
    [
      'is not all that was expected',
      'ready',
      ['--guard-flag=--expect=ghost', '--guard-flag=--startup-grace=400ms'],
      122,
      { outcome: 'missing', exit: 122 },
    ],
  ])('tells by its exit code and the record of a worker that %s', async (_what, script, flags, code, record) => {
    const camera = guarded(script, flags)
    expect(await camera.ended()).toBe(code)
    expect(recordOf(camera)).toMatchObject(record)
  })

  it('passes SIGTERM on, and ends as the worker ends', async () => {
    const camera = guarded('ready', [])
    expect(await camera.eventually('pass pass pass')).toBe('pass pass pass')
    camera.signal('TERM')
    expect(await camera.ended()).toBe(0)
    expect(camera.log().at(-1)).toMatch(/ stopped$/)
    expect(recordOf(camera)).toMatchObject({ exit: 0 })
  })

  it('ends with 121 when a worker dies beside the command', async () => {
    const camera = guarded('ready', [])
    expect(await camera.eventually('pass pass pass')).toBe('pass pass pass')
    camera.execInBackground(['/sample-worker'], {
      SAMPLE_WORKER_NAME: 'encoder',
      SAMPLE_WORKER_SCRIPT: 'ready,beat:1s,exit:0',
    })
    expect(await camera.ended()).toBe(121)
    expect(camera.record()).toMatch(/^dead: encoder /)
  })

  it('makes the region for a worker that drops its rights, and reads it as root', async () => {
    const fields = { env: [{ name: 'SAMPLE_WORKER_USER', value: '1000' }], securityContext: { runAsUser: 0 } }
    // The guard, being root, has a slot of its own in the region: without --owner the region would be root's.
    const stamping = ['--guard-flag=--progress=output', '--guard-flag=--max-age=1h', '--guard-flag=--owner=1000']
    const camera = guarded('ready', stamping, fields)
    expect(await camera.eventually('pass pass pass')).toBe('pass pass pass')
    expect(camera.log().find((line) => line.includes(' claimed '))).toMatch(/by uid 1000/)
    expect(statSync(`/proc/${camera.state().Pid}/root/dev/shm/camera`).uid).toBe(1000)
  })

  it('works without any right, on a read-only root', async () => {
    const securityContext = {
      ...{ runAsNonRoot: true, runAsUser: 65532, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
      ...{ capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } },
    }
    const camera = guarded('ready,once,beat:500ms,stall', ['--restart', '1'], { securityContext })
    await eventually(
      () => timesOf(camera, 'claimed').length,
      (claims) => claims === 2,
    )
    expect(await camera.eventually('pass pass pass')).toBe('pass pass pass')
  })

  it('as a sidecar answers readiness and metrics of the other container', async () => {
    const watcher: Container = {
      name: 'watcher',
      image: images.programs,
      command: ['/shm-guard', '--region', 'camera', '--listen', '0.0.0.0:9900'],
      readinessProbe: { httpGet: { path: '/readyz', port: 9900 } },
    }
    const container = play(wired([sampleContainer('camera', 'ready'), watcher], ['--container', 'camera']))
    const [camera, sidecar] = [container('camera'), container('watcher')]
    const ready = () => sidecar.ask('readiness')
    expect(await eventually(ready, ({ code }) => code === 0)).toMatchObject({ code: 0 })
    camera.signal('USR2')
    expect(await eventually(ready, ({ code }) => code === 1)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^not-ready: loop/),
    })
    expect(sidecar.get(9900, '/metrics').stdout).toMatch(/^shm_liveness_worker_ready\{.*worker="loop".*\} 0$/m)
  })
})
