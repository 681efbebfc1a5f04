import { describe, expect, it } from 'vitest'
import { runBuild } from '../../../examples/kata-build-runner/follow/attempts.js'
import { boots, guardRuns } from '../../fakes/kube-api/index.js'
import { buildOf, Scene, Shown } from './scene.js'

const count = 12

describe('many builds in one process', () => {
  it('share two watches, lose nothing of their logs, and do not hear of each other', async () => {
    const scene = await Scene.start()
    for (let number = 1; number <= count; number++) {
      const output = Array.from({ length: 20 }, (_, line) => `build ${number} line ${line}\n`)
      const exit = number % 4 === 0 ? 1 : 0
      scene.kube.scenario(`many-${number}-1`, [
        ...boots({ pullMs: 100 * (number % 4) }),
        guardRuns({ steps: [{ output, everyMs: 100, exit }] }),
      ])
    }
    const { around } = scene.runner()
    const builds = Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const number = index + 1
        const shown = new Shown()
        const result = await runBuild(around, scene.order(buildOf(`many-${number}`)), shown)
        const text = Array.from({ length: 20 }, (_, line) => `build ${number} line ${line}\n`).join('')
        return { number, isWhole: shown.text === text && result.log.isComplete, exitCode: result.exitCode }
      }),
    )
    const outcomes = await scene.ending(builds)
    expect(outcomes.filter(({ isWhole }) => !isWhole)).toEqual([])
    expect(outcomes.filter(({ exitCode }) => exitCode === 1).map(({ number }) => number)).toEqual([4, 8, 12])
    expect(outcomes.filter(({ exitCode }) => exitCode === 0)).toHaveLength(count - 3)
    const watches = scene.kube.requests.filter(({ path }) => path.includes('watch=true') || path.includes('watch=1'))
    expect(watches).toHaveLength(2)
  })
})
