import { describe, expect, it } from 'vitest'
import { play, sampleContainer, tryPlay, wired } from '../support/pod.js'
import { images, podman, useImages, whyNoPodman } from '../support/podman.js'
import { untilHolds } from '../support/until.js'

useImages()

const restricted = {
  runAsNonRoot: true,
  runAsUser: 65532,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

describe.skipIf(whyNoPodman !== undefined)('a wired pod', () => {
  it('passes all three checks, restricted, non-root and on a read-only root', async () => {
    const camera = play(wired([sampleContainer('camera', 'ready', { securityContext: restricted })]))('camera')
    await camera.untilAnswers('pass pass pass')
    expect(camera.host().ReadonlyRootfs).toBe(true)
    expect(camera.log()[0]).toMatch(/ claimed by uid 65532, pid 1$/)
  })

  it('is out of service while its worker says so, and in again, without a restart', async () => {
    const camera = play(wired([sampleContainer('camera', 'ready')]))('camera')
    await camera.untilAnswers('pass pass pass')
    camera.signal('USR2')
    await camera.untilAnswers('pass pass not-ready')
    expect(camera.record()).toBe('') // readiness restarts nothing, so it is no reason
    camera.signal('USR2')
    await camera.untilAnswers('pass pass pass')
  })

  it('fails all three once its worker stalls, and the reason is the termination message', async () => {
    const camera = play(wired([sampleContainer('camera', 'ready', { securityContext: restricted })]))('camera')
    await camera.untilAnswers('pass pass pass')
    camera.signal('USR1')
    await camera.untilAnswers('stalled stalled stalled')
    expect((await camera.ask('liveness')).stdout).toMatch(/^stalled: loop last beat .* ago \(limit 1s\), .*pid 1 /)
    expect(camera.record()).toMatch(/^stalled: loop last beat /)
    camera.signal('TERM')
    // Deaf, so it takes SIGKILL. To look once more takes longer than a worker that hears takes to end.
    expect(await camera.answers()).toBe('stalled stalled stalled')
    expect(camera.state().Status).toBe('running')
  })

  it('fails once one of its processes was killed, and says which', async () => {
    const camera = play(wired([sampleContainer('camera', 'ready')]))('camera')
    camera.execInBackground(['/sample-worker'], { SAMPLE_WORKER_NAME: 'encoder' })
    const all = await untilHolds(
      'both workers run',
      () => camera.exec(['/shm-liveness/shm-probe', '--verbose', '--expect', 'loop,encoder']).stdout,
      (text) => text.startsWith('healthy'),
    )
    const pid = /camera\/encoder running.* pid (\d+)/.exec(all)?.[1]
    expect(pid, all).toBeDefined()
    camera.killProcess(Number(pid))
    await camera.untilAnswers('dead dead dead')
    expect(camera.record()).toMatch(/^dead: encoder /)
  })

  it('does not start without the probe, and the init container says why', () => {
    const spec = wired([sampleContainer('camera', 'ready')])
    const [installer, ...others] = spec.initContainers ?? []
    const broken = { ...spec, initContainers: [{ ...installer, image: images.worker }, ...others] }
    const started = tryPlay(broken)
    expect(started.code).not.toBe(0)
    expect(started.stderr).toContain('/shm-probe')
    expect(podman(['ps', '--format', '{{.Names}}']).stdout).not.toContain('pod-camera')
  })

  it('takes what the container before it left in /dev/shm for neither life nor death', async () => {
    // A pod whose last container ends is ended by podman, with its /dev/shm: the radar keeps this one up.
    const containers = [sampleContainer('camera', 'wait:1h'), sampleContainer('radar', 'ready')]
    const container = play(wired(containers, ['--all-containers']))
    const camera = container('camera')
    const start = (name: string) =>
      camera.execInBackground(['/sample-worker'], { SAMPLE_WORKER_NAME: name, SAMPLE_WORKER_SCRIPT: 'ready' })
    for (const name of ['loop', 'encoder']) start(name)
    await camera.untilAnswers('pass pass pass')
    camera.signal('KILL')
    await camera.ended()

    camera.startAgain()
    expect(await camera.answers()).toBe('missing pass missing')
    expect((await camera.ask('readiness')).stdout).toMatch(/left over from before/)
    start('loop')
    await camera.untilAnswers('pass pass pass') // the encoder did not come back
    expect(await container('radar').answers()).toBe('pass pass pass')
    const all = camera.exec(['/shm-liveness/shm-probe', '--verbose']).stdout
    expect(all).toMatch(/camera\/encoder left-over/)
    expect(all).toMatch(/camera\/loop running/)
  })

  it('reads regions of a worker that dropped its rights, as the root that the probe is', async () => {
    const dropping = { env: [{ name: 'SAMPLE_WORKER_USER', value: '1000' }], securityContext: { runAsUser: 0 } }
    const camera = play(wired([sampleContainer('camera', 'ready', dropping)]))('camera')
    await camera.untilAnswers('pass pass pass')
    expect(camera.log()[0]).toMatch(/ claimed by uid 1000, /)
    camera.signal('USR1')
    await camera.untilAnswers('stalled stalled stalled')
  })
})

describe.skipIf(whyNoPodman !== undefined).each(['exec', 'httpGet'])(
  'two containers of one pod, asked by %s',
  (via) => {
    it('answer for themselves alone', async () => {
      const command = { command: ['/sample-worker'] }
      const containers = [sampleContainer('camera', 'ready', command), sampleContainer('radar', 'ready', command)]
      const container = play(wired(containers, ['--all-containers', '--via', via]))
      const [camera, radar] = [container('camera'), container('radar')]
      await camera.untilAnswers('pass pass pass')
      await radar.untilAnswers('pass pass pass')
      radar.signal('USR2')
      await radar.untilAnswers('pass pass not-ready')
      expect(await camera.answers()).toBe('pass pass pass')
    })
  },
)
