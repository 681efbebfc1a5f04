import { describe, expect, it } from 'vitest'
import type { BuildApi } from '../../../examples/kata-build-runner/api/build-api.js'
import type { Feed } from '../../../examples/kata-build-runner/api/feed.js'
import { after, type Clock } from '../../../examples/kata-build-runner/model/clock.js'
import { boots, guardRuns } from '../../fakes/kube-api/index.js'
import { buildOf, Scene, withCalls } from './scene.js'

/** A feed of pods that is behind by so many ms, as one may be whose server is another. */
function behind(clock: Clock, ms: number): (api: BuildApi) => BuildApi {
  return (api) =>
    withCalls(api, {
      feed: ((kind: 'jobs' | 'pods', selector: string) => {
        const feed: Feed<never> = api.feed(kind as never, selector) as never
        if (kind === 'jobs') return feed
        return {
          start: () => feed.start(),
          stop: () => feed.stop(),
          get: () => undefined,
          all: () => [],
          silentMs: () => feed.silentMs(),
          trouble: undefined,
          subscribe: (listener: (change: never) => void) =>
            feed.subscribe((change) => void after(clock, ms, () => listener(change as never))),
        }
      }) as never,
    })
}

describe('a Job that is over before its pod was seen', () => {
  it.each([
    [0, 'succeeded'],
    [1, 'failed'],
  ])('is judged by its pod (exit %i)', async (exit, outcome) => {
    const scene = await Scene.start()
    scene.kube.scenario('fast-1', [...boots(), guardRuns({ steps: [{ output: 'one\n', exit }] })])
    const runner = scene.runner({}, behind(scene.clock, 400))
    const result = await runner.run(buildOf('fast'))
    expect(result).toMatchObject({
      outcome,
      exitCode: exit,
      attempts: [],
      imageCached: false,
      log: { isComplete: true },
    })
    expect(runner.shown.text).toBe('one\n')
    expect(scene.kube.job('fast-1')).toBeDefined()
  })
})
