import { rmSync } from 'node:fs'
import { Heartbeat } from '../../heartbeat.js'
import { claimedFields, headerAfterClaim, hour } from '../claimed.js'
import type { BankPlace } from '../layout.js'
import { pause } from '../scene.js'
import { overwrite } from '../snapshot.js'
import type { Answer } from '../worker-under-test.js'
import type { Scenario } from './scenario.js'

const claimLine = (name: string, slots = 3): string => `claim ${name} ${hour} 0 ${slots}`
const sayAnswer = (answer: Answer): string => (answer.ok ? 'ok' : answer.code)

export const taken: Scenario = {
  name: 'taken',
  proves: 'the name of a living worker is refused, and no byte of its claim changes; a stopped process lives',
  async run(scene) {
    const owner = scene.start()
    await owner.must(claimLine('grabber'))
    await owner.must('beat')
    const other = scene.start()
    owner.signal('SIGSTOP')
    await scene.step(
      'a claim of a name in use',
      async () => {
        scene.same('the answer', sayAnswer(await other.ask(claimLine('grabber'))), 'NAME_TAKEN')
      },
      (_, __, before) => [[{ slot: 0, bank: 1 }, headerAfterClaim(1n, before.word('Header.claim_turns') - 1n)]],
    )
    scene.locked('after the refusal', [{ slot: 0, bank: 1 }], 3)
    owner.signal('SIGCONT')
    await other.must(claimLine('finder'))
    scene.locked(
      'with a name of its own',
      [
        { slot: 0, bank: 1 },
        { slot: 1, bank: 1 },
      ],
      3,
    )
    scene.same('the slot of the other name', BigInt(scene.snapshot().slotOf('finder')), 1n)
  },
}

const rounds = 15

export const race: Scenario = {
  name: 'race',
  proves: 'of two claimants of one name at once exactly one gets it, also where the region must be made first',
  async run(scene) {
    const workers = [scene.start(), scene.start()] as const
    for (let round = 0; round < rounds; round++) {
      if (round % 3 === 0) rmSync(scene.path, { force: true })
      const answers = await Promise.all(workers.map((worker) => worker.ask(claimLine('grabber'))))
      scene.same(`round ${round}: the answers`, answers.map(sayAnswer).sort().join(' '), 'NAME_TAKEN ok')
      const loser = workers[answers[0]?.ok ? 1 : 0]
      scene.same(`round ${round}: another name`, sayAnswer(await loser.ask(claimLine('finder'))), 'ok')
      const after = scene.snapshot()
      const [one, two] = ['grabber', 'finder'].map((name) => after.slotOf(name)) as [number, number]
      scene.same(`round ${round}: the two slots`, `${Math.min(one, two)} ${Math.max(one, two)}`, '0 1')
      scene.locked(`round ${round}`, [after.current(one), after.current(two)], 3)
      await Promise.all(workers.map((worker) => worker.must('stop')))
    }
  },
}

export const slots: Scenario = {
  name: 'slots',
  proves:
    'a new name takes a fresh slot, then a stopped one, then one of another container, and never a dead one of its own',
  async run(scene, here) {
    const [dead, stopped] = [scene.start(), scene.start()]
    await dead.must(claimLine('dead'))
    await stopped.must(claimLine('stopped'))
    await stopped.must('stop')
    await dead.kill()
    await scene.unlocked('the dead worker', { slot: 0, bank: 1 })
    const fresh = scene.start()
    await fresh.must(claimLine('fresh'))
    scene.same('the slot of a new name, while there is a fresh one', BigInt(scene.snapshot().slotOf('fresh')), 2n)
    const heir = scene.start()
    await heir.must('features')
    const inherited: BankPlace = { slot: 1, bank: 0 }
    await scene.step(
      'a new name in a stopped slot',
      () => heir.must(claimLine('heir')),
      (times, _, before) => [
        [
          inherited,
          {
            ...claimedFields(times, here, { worker: heir, name: 'heir', maxAgeNs: hour, serial: 2n, ended: 1n }),
            ...headerAfterClaim(3n, before.word('Header.claim_turns')),
          },
        ],
      ],
    )
    const late = scene.start()
    scene.same(
      'the answer where only a dead slot is left',
      sayAnswer(await late.ask(claimLine('late'))),
      'NO_FREE_SLOT',
    )
    // As if the dead worker had lived in a container before this one.
    overwrite(scene.path, 'Identity.container_a', 77n, { slot: 0, bank: 1 })
    await scene.step(
      'a new name in a slot that is left over',
      () => late.must(claimLine('late')),
      (times, _, before) => [
        [
          { slot: 0, bank: 0 },
          {
            ...claimedFields(times, here, { worker: late, name: 'late', maxAgeNs: hour, serial: 2n, ended: 3n }),
            ...headerAfterClaim(3n, before.word('Header.claim_turns')),
          },
        ],
      ],
    )
  },
}

export const strangers: Scenario = {
  name: 'stranger',
  proves: 'a lock that a stranger holds on the bank to be written refuses the name, and a new name goes round it',
  async run(scene) {
    const worker = scene.start()
    await worker.must(claimLine('grabber'))
    await worker.must('stop')
    const letGo = scene.holdBank({ slot: 0, bank: 0 })
    scene.same('the answer', sayAnswer(await worker.ask(claimLine('grabber'))), 'SLOT_LOCKED')
    letGo()
    const stranger = scene.holdBank({ slot: 1, bank: 1 })
    await worker.must(claimLine('finder'))
    scene.same('the slot of a new name', BigInt(scene.snapshot().slotOf('finder')), 2n)
    stranger()
  },
}

export const busy: Scenario = {
  name: 'busy',
  proves: 'a claim waits for another one that is under way, and gives up if that one does not finish',
  async run(scene) {
    const [first, second] = [scene.start(), scene.start()]
    await first.must(claimLine('first'))
    await second.must('features')
    const letGo = scene.holdClaimByte()
    const answer = second.ask(claimLine('second'))
    answer.catch(() => {}) // awaited below, unless the run is interrupted before
    // Long enough that a claimant that does not wait has given up.
    await pause(300)
    scene.same('the slot of the name while the byte is held', BigInt(scene.snapshot().slotOf('second')), -1n)
    letGo()
    scene.same('the answer once the byte is free', sayAnswer(await answer), 'ok')
    await second.must('stop')
    const keep = scene.holdClaimByte()
    const began = performance.now()
    await scene.step(
      'a holder that is stopped',
      async () => {
        scene.same(
          'the answer while the byte stays held',
          sayAnswer(await second.ask(claimLine('third'))),
          'CLAIM_BUSY',
        )
      },
      () => [],
    )
    scene.same('how long it waited, in ms', BigInt(Math.round(performance.now() - began)), {
      says: 'at least 100 and below 60000',
      holds: (found) => (found as bigint) >= 100n && (found as bigint) < 60_000n,
    })
    keep()
    scene.same('the answer afterwards', sayAnswer(await second.ask(claimLine('third'))), 'ok')
  },
}

export const beside: Scenario = {
  name: 'beside',
  proves: 'the worker lives in one region with a Node.js worker, whichever of the two made it',
  async run(scene) {
    const { directory, region } = scene.options
    for (const isFirst of [true, false]) {
      rmSync(scene.path, { force: true })
      const worker = scene.start()
      if (isFirst) await worker.must(claimLine('theirs', 64))
      const ours = Heartbeat.claim({ dir: directory, region, name: 'ours', maxAge: '1h' })
      try {
        if (!isFirst) await worker.must(claimLine('theirs', 64))
        ours.beat()
        ours.ready()
        await worker.must('beat')
        await worker.must('ready')
        await scene.judged('both beat', { startup: 'healthy', liveness: 'healthy', readiness: 'healthy' })
        const at = scene.snapshot().current(isFirst ? 0 : 1)
        await scene.step(
          'beats of the Node.js worker',
          async () => ours.beat(),
          (_, after) => {
            const mine = after.current(isFirst ? 1 : 0)
            const names = ['Hot.last_beat_ns', 'Hot.beats', 'Hot.worst_cycle_ns']
            const bins = Array.from({ length: 64 }, (_, bin) => `Life.cycles[${bin}]`)
            return [[mine, Object.fromEntries([...names, ...bins].map((key) => [key, after.word(key, mine)]))]]
          },
        )
        scene.same('the name in the slot', scene.snapshot().value('Identity.name', at), 'theirs')
        await worker.kill()
        await scene.unlocked('the killed worker', at)
        await scene.judged('the other worker is dead', { startup: 'dead', liveness: 'dead', readiness: 'dead' })
      } finally {
        ours.stop()
        await worker.kill()
      }
    }
  },
}
