import { statSync } from 'node:fs'
import type { Container } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { type PodContainer, play, sampleContainer, wired } from '../support/pod.js'
import { images, useImages, whyNoPodman } from '../support/podman.js'
import { untilHolds } from '../support/until.js'

useImages()

const command = ['/sample-worker']

/** A container whose entrypoint is the guard, PID 1. */
function guarded(script: string, flags: string[], fields: Partial<Container> = {}): PodContainer {
  return play(wired([sampleContainer('camera', script, { command, ...fields })], ['--guard', ...flags]))('camera')
}

async function untilClaimedTwice(container: PodContainer): Promise<void> {
  await untilHolds(
    'the worker has claimed for the second time',
    () => container.log(),
    (lines) => lines.filter((line) => /^\d{13} claimed/.test(line)).length === 2,
  )
}

/** The record's last line, the one for programs. */
function recordOf(container: PodContainer): Record<string, unknown> {
  return JSON.parse(container.record().trim().split('\n').at(-1) ?? '')
}

describe.skipIf(whyNoPodman !== undefined)('the guard as entrypoint', () => {
  it('restarts a stalled worker in place, while the probes pass', async () => {
    const camera = guarded('ready,once,beat:1s,stall', ['--restart', '3'])
    const pid = camera.state().Pid
    await camera.untilAnswers('pass pass pass')
    await untilClaimedTwice(camera)
    await camera.untilAnswers('pass pass pass')
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
    await camera.untilAnswers('pass pass pass')
    camera.signal('TERM')
    expect(await camera.ended()).toBe(0)
    expect(camera.log().at(-1)).toMatch(/ stopped$/)
    expect(recordOf(camera)).toMatchObject({ exit: 0 })
  })

  it('ends with 121 when a worker dies beside the command', async () => {
    const camera = guarded('ready', [])
    await camera.untilAnswers('pass pass pass')
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
    await camera.untilAnswers('pass pass pass')
    expect(camera.log().find((line) => line.includes(' claimed '))).toMatch(/by uid 1000/)
    expect(statSync(`/proc/${camera.state().Pid}/root/dev/shm/camera`).uid).toBe(1000)
  })

  it('works without any right, on a read-only root', async () => {
    const securityContext = {
      ...{ runAsNonRoot: true, runAsUser: 65532, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
      ...{ capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } },
    }
    const camera = guarded('ready,once,beat:500ms,stall', ['--restart', '1'], { securityContext })
    await untilClaimedTwice(camera)
    await camera.untilAnswers('pass pass pass')
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
    await untilHolds('the worker is ready', ready, ({ code }) => code === 0)
    camera.signal('USR2')
    const found = await untilHolds('the worker is not ready', ready, ({ code }) => code === 1)
    expect(found.stdout).toMatch(/^not-ready: loop/)
    expect(sidecar.get(9900, '/metrics').stdout).toMatch(/^shm_liveness_worker_ready\{.*worker="loop".*\} 0$/m)
  })
})
