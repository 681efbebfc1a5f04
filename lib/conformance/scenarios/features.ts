import { hour, second } from '../claimed.js'
import { nowNs, pause } from '../scene.js'
import type { Snapshot } from '../snapshot.js'
import type { Scenario } from './scenario.js'

const first = { slot: 0, bank: 1 }

export const forking: Scenario = {
  name: 'fork',
  feature: 'fork',
  proves: 'a forked child that does not exec neither keeps the claim of its parent alive nor beats for it',
  async run(scene) {
    const worker = scene.start()
    await worker.must(`claim grabber ${hour} 0 3`)
    await worker.must('beat')
    // The child tries to beat, and then sleeps; it ends by itself.
    const child = Number(await worker.must('fork'))
    scene.same('the beats after a beat of the child', scene.snapshot().word('Hot.beats', first), 1n)
    await worker.kill()
    try {
      await scene.unlocked('the parent was killed, its child lives', first)
      process.kill(child, 0)
    } finally {
      process.kill(child, 'SIGKILL')
    }
    await scene.judged('the parent was killed', { startup: 'dead', liveness: 'dead', readiness: 'dead' })
  },
}

export const hanging: Scenario = {
  name: 'where',
  feature: 'where',
  proves: 'a worker that hangs writes where its code was',
  async run(scene) {
    const worker = scene.start()
    await worker.must(`claim grabber ${50_000_000n} 0 3`)
    await worker.must('beat')
    const sign = scene.snapshot().word('Hot.last_beat_ns', first)
    let isHanging = true
    const answer = worker.ask(`hang ${3n * second}`).finally(() => {
      isHanging = false
    })
    answer.catch(() => {}) // awaited below, unless the run is interrupted before
    // A place that was taken in a silence before that beat is history. One in native code may come before the frames, if
    // the thread gets no CPU to answer.
    const isTold = (now: Snapshot): boolean =>
      now.word('Where.kind', first) === 1n && now.word('Where.taken_ns', first) > sign
    while (isHanging && !isTold(scene.snapshot())) await pause(10)
    const hung = scene.snapshot()
    scene.same('the kind', hung.word('Where.kind', first), 1n)
    scene.same('the sequence', hung.word('Where.sequence', first) % 2n, 0n)
    const taken = hung.word('Where.taken_ns', first)
    scene.same('when it was taken', taken, {
      says: 'after the last beat',
      holds: (found) => (found as bigint) > sign && (found as bigint) <= nowNs(),
    })
    scene.same('for how long it had been silent', hung.word('Where.silent_ns', first), {
      says: 'the time from the last beat to then',
      holds: (found) => (found as bigint) > 0n && (found as bigint) <= taken - sign,
    })
    scene.same('the frames', hung.value('Where.frames', first), {
      says: 'lines of the form "function (file:line)", or "file:line"',
      holds: (found) =>
        String(found)
          .split('\n')
          .every((line) => /^(\S.* \(.+:\d+(:\d+)?\)|\S+:\d+(:\d+)?)$/.test(line)),
    })
    await answer
  },
}
