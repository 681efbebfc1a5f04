import { hour, second } from '../claimed.js'
import { anything, between, evenAbove } from '../expectation.js'
import { leavesOf, locate } from '../layout.js'
import { pause, type Scene } from '../scene.js'
import type { Fields, Snapshot } from '../snapshot.js'
import type { Scenario } from './scenario.js'

const first = { slot: 0, bank: 1 }
const name = 'grabber'

/** A beat that changes nothing but the time and the count. */
function beatFields(since: bigint, until: bigint, beats: bigint): Fields {
  return { 'Hot.last_beat_ns': between(since, until), 'Hot.beats': beats }
}

/** A beat that ends a cycle: which counter, and whether it was the longest so far, or late. */
function cycleFields(before: Snapshot, after: Snapshot, beats: bigint, limitNs: bigint): Fields {
  const cycle = after.word('Hot.last_beat_ns', first) - before.word('Hot.last_beat_ns', first)
  const counter = `Life.cycles[${cycle <= 1n ? 0 : cycle.toString(2).length - 1}]`
  const worst = before.word('Hot.worst_cycle_ns', first)
  const isLate = limitNs > 0n && cycle > limitNs
  return {
    'Hot.last_beat_ns': { says: 'later than the beat before', holds: () => cycle > 0n },
    'Hot.beats': beats,
    [counter]: before.word(counter, first) + 1n,
    'Hot.worst_cycle_ns': cycle > worst ? cycle : worst,
    'Hot.late_cycles': before.word('Hot.late_cycles', first) + (isLate ? 1n : 0n),
    'Hot.late_at_ns': isLate ? after.word('Hot.last_beat_ns', first) : before.word('Hot.late_at_ns', first),
  }
}

async function claimedScene(scene: Scene, cycleLimitNs = 0n) {
  const worker = scene.start()
  await worker.must(`claim ${name} ${hour} ${cycleLimitNs} 3`)
  return worker
}

export const beating: Scenario = {
  name: 'beat',
  proves: 'beats stamp the time and the count, and count cycles by their length, the worst, and the late ones',
  async run(scene) {
    const limit = 20_000_000n
    const worker = await claimedScene(scene, limit)
    await scene.step(
      'the first beat',
      () => worker.must('beat'),
      ({ since, until }) => [[first, beatFields(since, until, 1n)]],
    )
    for (let beats = 2n; beats <= 12n; beats++) {
      const isLate = beats === 6n || beats === 9n
      await scene.step(
        `beat ${beats}`,
        async () => {
          if (isLate) await pause(30)
          await worker.must('beat')
        },
        (_, after, before) => [[first, cycleFields(before, after, beats, limit)]],
      )
    }
    await scene.judged('beating', { startup: 'healthy', liveness: 'healthy', readiness: 'not-ready' })
  },
}

export const readiness: Scenario = {
  name: 'ready',
  proves: 'ready and not ready change the flag and the status, and nothing else',
  async run(scene) {
    const worker = await claimedScene(scene)
    await worker.must('beat')
    const labels = (before: Snapshot) => evenAbove(before.word('Labels.sequence', first))
    await scene.step(
      'ready',
      () => worker.must('ready'),
      (_, __, before) => [[first, { 'Hot.ready': 1n, 'Labels.status': '', 'Labels.sequence': labelsMayStay(before) }]],
    )
    await scene.judged('ready', { startup: 'healthy', liveness: 'healthy', readiness: 'healthy' })
    await scene.step(
      'not ready',
      () => worker.must('not-ready draining: 3 left'),
      (_, __, before) => [
        [first, { 'Hot.ready': 0n, 'Labels.status': 'draining: 3 left', 'Labels.sequence': labels(before) }],
      ],
    )
    await scene.judged('not ready', { startup: 'healthy', liveness: 'healthy', readiness: 'not-ready' })
    await scene.step(
      'ready again',
      () => worker.must('ready'),
      (_, __, before) => [[first, { 'Hot.ready': 1n, 'Labels.status': '', 'Labels.sequence': labels(before) }]],
    )
  },
}

/** A status that is empty already need not be written. */
function labelsMayStay(before: Snapshot) {
  const was = before.word('Labels.sequence', first)
  return {
    says: `${was}, or an even number above it`,
    holds: (found: bigint | string) => found === was || evenAbove(was).holds(found),
  }
}

export const phases: Scenario = {
  name: 'phase',
  proves: 'a phase renews the sign of life, puts its budget in place of max age, and its cycles are not counted',
  async run(scene) {
    const worker = await claimedScene(scene)
    const budget = 2n * hour
    const begun =
      (label: string, limit: bigint) =>
      ({ since, until }: { since: bigint; until: bigint }, _: Snapshot, before: Snapshot) =>
        [
          [
            first,
            {
              'Hot.renewed_ns': between(since, until),
              'Hot.stall_limit_ns': limit,
              'Hot.in_phase': 1n,
              'Labels.phase': label,
              'Labels.sequence': evenAbove(before.word('Labels.sequence', first)),
            },
          ],
        ] as [typeof first, Fields][]
    const uncounted =
      (beats: bigint) =>
      ({ since, until }: { since: bigint; until: bigint }) =>
        [[first, beatFields(since, until, beats)]] as [typeof first, Fields][]
    await scene.step(
      'a phase before the first beat',
      () => worker.must(`phase ${budget} load model`),
      begun('load model', budget),
    )
    await scene.judged(
      'in a phase without a beat',
      { startup: 'starting', liveness: 'starting', readiness: 'starting' },
      { grace: '0' },
    )
    await scene.step('a beat in the phase', () => worker.must('beat'), uncounted(1n))
    await scene.step('another beat in the phase', () => worker.must('beat'), uncounted(2n))
    await scene.step(
      'a phase in a phase',
      () => worker.must(`phase ${budget + 1n} warm up`),
      begun('warm up', budget + 1n),
    )
    await scene.step(
      'the end of the phase',
      () => worker.must('end-phase'),
      ({ since, until }, after) => [
        [
          first,
          {
            'Hot.renewed_ns': between(since, until),
            'Hot.stall_limit_ns': hour,
            'Hot.in_phase': 0n,
            'Labels.phase': { says: 'the old label, or none', holds: (found) => found === 'warm up' || found === '' },
            'Labels.sequence': { says: 'even', holds: () => after.word('Labels.sequence', first) % 2n === 0n },
          },
        ],
      ],
    )
    await scene.step('the beat that ends the cycle with the phase in it', () => worker.must('beat'), uncounted(3n))
    await scene.step(
      'the beat after that',
      () => worker.must('beat'),
      (_, after, before) => [[first, cycleFields(before, after, 4n, 0n)]],
    )
    const long = `${'x'.repeat(61)}äöü`
    const answer = await worker.ask(`phase ${second} ${long}`)
    const label = scene.snapshot().value('Labels.phase', first) as string
    if (answer.ok) {
      scene.same('a label that is too long', label, {
        says: 'its beginning, up to 63 bytes, and a NUL',
        holds: (found) =>
          String(found).startsWith('x'.repeat(61)) && Buffer.byteLength(String(found)) < 70 && found !== long,
      })
    } else {
      scene.same('the error for a label that is too long', answer.code, 'INVALID_TEXT')
    }
    scene.same(
      'the last byte of the label',
      BigInt(scene.snapshot().bytes[locate('Labels.phase', 3, first).offset + 63] ?? 1),
      0n,
    )
  },
}

export const stalling: Scenario = {
  name: 'stall',
  proves: 'a worker without beats is stalled after max age, and healthy again with a fresh sign of life',
  async run(scene) {
    const worker = scene.start()
    await worker.must(`claim ${name} 30000000 0 3`)
    await worker.must('beat')
    // A silent worker, or a guard, may write down where its code is.
    const where = Object.fromEntries(leavesOf('Where').map((key) => [key, anything]))
    await scene.step(
      '30 ms of silence',
      () => pause(60),
      () => [[first, where]],
    )
    await scene.judged('after 30 ms of silence', { startup: 'stalled', liveness: 'stalled', readiness: 'stalled' })
    scene.locked('while it is stalled', [first], 3)
    await worker.must(`phase ${hour} recover`)
    await scene.judged('in a phase', { startup: 'healthy', liveness: 'healthy', readiness: 'not-ready' })
  },
}
