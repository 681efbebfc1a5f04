import { Region } from '../../region.js'
import { claimedFields, headerAfterClaim, hour, minute, type Surroundings, second } from '../claimed.js'
import { between } from '../expectation.js'
import type { BankPlace } from '../layout.js'
import { boottimeNs, nowNs, pause, type Scene } from '../scene.js'
import type { Fields, Snapshot } from '../snapshot.js'
import type { WorkerUnderTest } from '../worker-under-test.js'
import type { Scenario } from './scenario.js'

const name = 'grabber'
const place = (bank: number): BankPlace => ({ slot: 0, bank })
const claimLine = `claim ${name} ${hour} 0 3`

/** A claim into slot 0: the bank that is not current gets all of it; everything else stays as it was. */
async function takeover(
  scene: Scene,
  here: Surroundings,
  what: string,
  worker: WorkerUnderTest,
  heritage: (before: Snapshot, last: BankPlace) => Partial<Parameters<typeof claimedFields>[2]>,
): Promise<BankPlace> {
  // Its start must not be counted into the times of the step.
  await worker.must('features')
  const last = scene.snapshot().current(0)
  const next = place(1 - last.bank)
  await scene.step(
    what,
    () => worker.must(claimLine),
    (times, _, before) => {
      const serial = before.word('Hot.serial', last) + 1n
      const claim = { worker, name, maxAgeNs: hour, serial, ...heritage(before, last) }
      const turns = before.word('Header.claim_turns')
      const fields = claimedFields(times, here, claim)
      return [[next, { ...fields, ...headerAfterClaim(1n, turns) } as Fields]]
    },
  )
  scene.locked(what, [next], 3)
  return next
}

export const stopping: Scenario = {
  name: 'stop',
  proves: 'stop stores state 3 and drops the lock; the next claim keeps the one before in the other bank',
  async run(scene, here) {
    const worker = scene.start()
    await worker.must(claimLine)
    for (let beat = 0; beat < 3; beat++) await worker.must('beat')
    await scene.step(
      'stop',
      () => worker.must('stop'),
      () => [[place(1), { 'Hot.state': 3n }]],
    )
    scene.locked('after stop', [], 3)
    await scene.judged('stopped', { startup: 'stopped', liveness: 'stopped', readiness: 'stopped' })
    await scene.step(
      'a beat after stop',
      async () => {
        const answer = await worker.ask('beat')
        scene.same('the answer to a beat after stop', answer.ok ? 'ok' : answer.code, 'STOPPED')
      },
      () => [],
    )
    const next = scene.start()
    await takeover(scene, here, 'a claim after a stop', next, () => ({ ended: 1n }))
    await next.must('beat')
    await scene.judged('claimed again', { startup: 'healthy', liveness: 'healthy', readiness: 'not-ready' })
    // The ending process must not say "stopped" for its stopped claim again, nor touch the new one.
    await scene.step(
      'the end of the process before',
      () => worker.kill(),
      () => [],
    )
    scene.locked('after the end of the process before', [place(0)], 3)
    await scene.step(
      'stop again',
      () => next.must('stop'),
      () => [[place(0), { 'Hot.state': 3n }]],
    )
  },
}

export const dying: Scenario = {
  name: 'die',
  proves: 'kill -9 leaves all bytes as they are and drops the lock; the next claim keeps the last words',
  async run(scene, here) {
    const worker = scene.start()
    await worker.must(claimLine)
    for (let beat = 0; beat < 3; beat++) await worker.must('beat')
    await worker.must(`phase ${hour} calibrate`)
    await scene.step(
      'kill -9',
      () => worker.kill(),
      () => [],
    )
    await scene.unlocked('after kill -9', place(1))
    await scene.judged('killed', { startup: 'dead', liveness: 'dead', readiness: 'dead' })
    const next = scene.start()
    await takeover(scene, here, 'a claim after a death', next, () => ({ ended: 2n }))
    if (scene.options.features.has('last-words')) {
      scene.same('the last words that the worker reads', await next.must('last-words'), 'died 3 calibrate')
    }
    await next.must('beat')
    await scene.judged('claimed again', { startup: 'healthy', liveness: 'healthy', readiness: 'not-ready' })
  },
}

/** The end of the phase that the life before was in, by CLOCK_BOOTTIME; give or take the steps of /proc/uptime. */
function endOfPhase(times: { now: bigint; boot: bigint }, before: Snapshot, last: BankPlace) {
  const renewed = before.word('Hot.renewed_ns', last)
  const end = times.boot - (times.now - renewed) + before.word('Hot.stall_limit_ns', last)
  return between(end - second, end + second)
}

export const crashLoop: Scenario = {
  name: 'crash-loop',
  proves: 'lives that never beat are counted in a row; from the third on they share the grace of the one before',
  async run(scene, here) {
    let worker = scene.start()
    await worker.must(claimLine)
    for (let row = 1n; row <= 4n; row++) {
      // The last forgiven life dies in a phase; its budget is believed once.
      if (row === 3n) await worker.must(`phase ${2n * hour} load`)
      await worker.kill()
      await scene.unlocked(`life ${row}`, scene.snapshot().current(0))
      worker = scene.start()
      await takeover(scene, here, `life ${row + 1n}, after ${row} that never beat`, worker, (before, last) => ({
        ended: 2n,
        row,
        ...(row < 3n ? {} : { graceFrom: before.word('Identity.grace_from_boottime_ns', last) }),
        ...(row === 3n ? { deadline: endOfPhase({ now: nowNs(), boot: boottimeNs() }, before, last) } : {}),
        ...(row === 4n ? { deadline: before.word('Identity.deadline_boottime_ns', last) } : {}),
      }))
    }
    await worker.must('beat')
    await worker.kill()
    await scene.unlocked('a life that has beaten', scene.snapshot().current(0))
    await takeover(scene, here, 'a claim after a life that has beaten', scene.start(), () => ({ ended: 2n }))
  },
}

export const restarts: Scenario = {
  name: 'restart',
  proves: "after a restart mark the first beat has the mark's budget, and a life within the budget is young",
  async run(scene, here) {
    const region = () => Region.open(scene.options.region, { dir: scene.options.directory })
    let worker = scene.start()
    await worker.must(claimLine)
    await worker.must('beat')
    for (const row of [1n, 2n]) {
      region().markRestart(name, { budget: '1m' })
      await worker.kill()
      await scene.unlocked(`restart ${row}`, scene.snapshot().current(0))
      worker = scene.start()
      await takeover(scene, here, `restart ${row}, within the budget`, worker, (before) => ({
        ended: 2n,
        row,
        deadline: before.word('RestartMark.marked_boottime_ns', place(0)) + minute,
      }))
      await worker.must('beat')
    }
    region().markRestart(name, { budget: '1ms' })
    await pause(5)
    await worker.must('beat')
    await worker.kill()
    await scene.unlocked('a life beyond the budget', scene.snapshot().current(0))
    await takeover(scene, here, 'a claim after a life beyond the budget', scene.start(), (before) => ({
      ended: 2n,
      deadline: before.word('RestartMark.marked_boottime_ns', place(0)) + 1_000_000n,
    }))
  },
}
