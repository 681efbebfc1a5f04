import { expect, it } from 'vitest'
import { boots, guardRuns } from '../../fakes/kube-api/index.js'
import { buildOf, Scene } from './scene.js'

it.each([-3_600_000, 3_600_000])('a cancel by deletion is one though the clocks are %d ms apart', async (skewMs) => {
  const scene = await Scene.start()
  scene.kube.authorization.deny('patch', 'pods')
  scene.kube.scenario('skew-1', [
    ...boots(),
    guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }], termMs: 200 }),
  ])
  const runner = scene.runner()
  const { clock } = runner.around
  runner.around.clock = {
    now: () => clock.now(),
    date: () => new Date(Date.now() + skewMs),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  }
  const running = runner.start(buildOf('skew'))
  await scene.until('output', () => runner.shown.text.includes('begun'))
  runner.interruption.next()
  expect(await scene.ending(running)).toMatchObject({ outcome: 'cancelled', exitCode: 130 })
})
