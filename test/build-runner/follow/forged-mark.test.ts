import { describe, expect, it } from 'vitest'
import { alongside, boots, guardRuns, jobVanishes, wait } from '../../fakes/kube-api/index.js'
import { buildOf, Scene } from './scene.js'

/** What a build writes that knows the nonce: from its own pod, say. */
function* forged(scene: Scene, job: string, more: string[]): Generator<string> {
  const nonce = scene.kube.job(job)?.metadata.annotations?.['shm-liveness/nonce']
  const mark = (fields: object) => `##[shm-guard ${nonce}] ${JSON.stringify({ ...fields, written: 10_000 })}\n`
  const end = { outcome: 'exited', exit: 0 }
  yield mark({ mark: 'end', step: 2, of: 2, name: 'test', durationNs: 1e6, ...end })
  yield mark({ mark: 'final', ...end, line: 'exited with 0' })
  yield* more
}

describe('a final mark that the build forged', () => {
  it.each([
    ['with more after it', ['still at work\n'], 'job-vanished', 6],
    ['as its last line', [], 'unproven', 7],
  ])('proves nothing once the Job is gone: %s', async (_, more, kind, exitCode) => {
    const scene = await Scene.start()
    scene.kube.scenario('liar-1', [
      ...boots(),
      alongside(guardRuns({ steps: [{ output: forged(scene, 'liar-1', more), outcome: 'hangs' }], ignoresTerm: true })),
      wait(150),
      jobVanishes,
    ])
    const result = await scene.runner().run(buildOf('liar'))
    expect(result).toMatchObject({ outcome: 'failed', exitCode, failure: { kind, started: true } })
  })

  it("is the guard's own where the container, without a message, exited with 0", async () => {
    const scene = await Scene.start()
    scene.kube.scenario('mute-1', [...boots(), guardRuns({ steps: [{}, {}], endsAs: { exitCode: 0, message: '' } })])
    expect(await scene.runner().run(buildOf('mute'))).toMatchObject({ outcome: 'succeeded', exitCode: 0 })
  })

  it('does not count against another exit status of the container', async () => {
    const scene = await Scene.start()
    const endsAs = { exitCode: 3, message: '' }
    scene.kube.scenario('liar-1', [
      ...boots(),
      guardRuns({ steps: [{}, { output: forged(scene, 'liar-1', []) }], endsAs }),
    ])
    expect(await scene.runner().run(buildOf('liar'))).toMatchObject({ outcome: 'failed', exitCode: 7 })
  })
})
