/** What the wiring expects of the programs, checked against the real programs. */
import { wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { freePort } from '../support/free-port.js'
import { guard, startGuard } from '../support/guard.js'
import { named, podOf } from '../support/manifests.js'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'
import { untilHolds } from '../support/until.js'

const region = { SHM_LIVENESS_REGION: uniqueRegion() }

describe('the guard', () => {
  it('takes each flag that wire writes', async () => {
    const options = { restart: 2, restartBudget: '3s', signal: 'TERM', grace: 1500 } as const
    const [, ...args] = named(wire(podOf(), { command: ['/bin/true'], guard: options }), 'camera').command ?? []
    expect(args).toEqual(expect.arrayContaining(['--restart', '--restart-budget', '--signal', '--grace']))
    expect(await guard(args, { env: region })).toMatchObject({ code: 0, stderr: '' })
  })

  it('refuses what wire refuses to write', async () => {
    for (const [args, options] of [
      [['--restart', '1000001'], { restart: 1_000_001 }],
      [['--restart', '1', '--restart-budget', '0'], { restart: 1, restartBudget: 0 }],
      [['--restart-budget', '3s'], { restartBudget: '3s' }],
    ] as const) {
      expect((await guard([...args, '--', '/bin/true'], { env: region })).code).toBe(2)
      expect(() => wire(podOf(), { command: ['/bin/true'], guard: options })).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION' }),
      )
    }
  })

  it('listens where SHM_LIVENESS_LISTEN says, and answers at the paths of the probes', async () => {
    const port = await freePort()
    const pod = wire(podOf(), { via: 'httpGet', command: ['/bin/sleep', '100'], port })
    const camera = named(pod, 'camera')
    const env = Object.fromEntries((camera.env ?? []).map(({ name, value }) => [name, value ?? '']))
    const grace = { SHM_LIVENESS_STARTUP_GRACE: '8000h' } // it counts from the start of this machine, here
    const program = startGuard(camera.command?.slice(1) ?? [], { ...env, ...region, ...grace })
    for (const check of ['startup', 'liveness', 'readiness'] as const) {
      const path = camera[`${check}Probe`]?.httpGet?.path ?? ''
      const ask = () => fetch(`http://127.0.0.1:${port}${path}`).then(({ status }) => status, String)
      // No region yet: within the grace that is no reason to restart, and no more.
      const wanted = check === 'liveness' ? 200 : 503
      await untilHolds(`the guard answers ${check} with ${wanted}`, ask, (status) => status === wanted)
    }
    await program.kill()
  })
})

describe("the container's variables, which both programs see,", () => {
  it('are no concern of the probe, if they are of the guard alone', async () => {
    const env = { ...region, SHM_LIVENESS_LISTEN: 'x', SHM_LIVENESS_GRACE: 'x', SHM_LIVENESS_RESTART: 'x' }
    expect(await probe([], { env })).toMatchObject({ code: 1, stdout: expect.stringMatching(/^missing: /), stderr: '' })
  })

  it('are no concern of the guard, if they are of the probe alone', async () => {
    const env = { ...region, SHM_LIVENESS_CONFIRM: 'x', SHM_LIVENESS_CHECK: 'x' }
    expect(await guard(['--', '/bin/true'], { env })).toMatchObject({ code: 0, stderr: '' })
  })
})
