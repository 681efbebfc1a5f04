import { expect, it } from 'vitest'
import { boots, guardRuns } from '../../fakes/kube-api/index.js'
import { buildOf, Scene, until } from './scene.js'

it.each([-3_600_000, 3_600_000])('a cancel by deletion is one though the clocks are %d ms apart', async (skewMs) => {
  const scene = await Scene.start()
  scene.kube.authorization.deny('patch', 'pods')
  scene.kube.scenario('skew-1', [
    ...boots(),
    guardRuns({ steps: [{ output: 'begun\n', outcome: 'hangs' }], termMs: 200 }),
  ])
  const runner = scene.runner()
  const { now } = runner.around
  runner.around.now = () => new Date(now().getTime() + skewMs)
  const running = runner.run(buildOf('skew'))
  await until('output', () => runner.shown.text.includes('begun'))
  runner.interruption.next()
  expect(await running).toMatchObject({ outcome: 'cancelled', exitCode: 130 })
})
