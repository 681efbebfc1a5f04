import { statSync } from 'node:fs'
import { claimedFields, headerAfterClaim, hour } from '../claimed.js'
import { between, notZero } from '../expectation.js'
import { headerBytes, layout, leavesOf, locate, regionBytes, sizes } from '../layout.js'
import { boottimeNs, nowNs } from '../scene.js'
import { differences, type Fields, type Snapshot } from '../snapshot.js'
import type { Scenario } from './scenario.js'

const first = { slot: 0, bank: 1 }
const name = 'grabber'

const magic = 0x004556494c4d4853n

/** Bytes that no table of docs/layout.md names. */
function unnamedBytes({ bytes, slots }: Snapshot): number[] {
  const isNamed = new Uint8Array(bytes.length)
  const structs = ['Header', 'Hot', 'Labels', 'Identity', 'RestartMark', 'Where']
  const keys = [...structs.flatMap(leavesOf), 'Life.cycles']
  const places = [0, 1, 2, 3].flatMap((i) => leavesOf('SlowPlace').map((leaf) => leaf.replace('.', `[${i}].`)))
  for (let slot = 0; slot < slots; slot++) {
    for (const bank of [0, 1]) {
      for (const key of [...keys, ...places]) {
        const { offset, bytes: length } = locate(key, slots, { slot, bank })
        isNamed.fill(1, offset, offset + length)
      }
    }
  }
  return [...bytes.keys()].filter((at) => isNamed[at] === 0 && bytes[at] !== 0)
}

export const making: Scenario = {
  name: 'make',
  proves: 'a first claim makes the region whole, and claims bank 1 of slot 0',
  async run(scene, here) {
    const worker = scene.start()
    await worker.must('features')
    const [since, sinceBoot] = [nowNs(), boottimeNs()]
    await worker.must(`claim ${name} ${hour} 0 3`)
    const times = {
      since,
      sinceBoot,
      until: nowNs(),
      untilBoot: boottimeNs() + 20_000_000n,
    }
    const made = scene.snapshot()
    const status = statSync(scene.path)
    scene.same('the size of the file', BigInt(status.size), BigInt(regionBytes(3)))
    scene.same('the mode of the file', (status.mode & 0o777).toString(8), '600')
    scene.same('the space that is allocated', BigInt(status.blocks) * 512n, {
      says: `at least ${regionBytes(3)}: fallocate the file, so that a full tmpfs is an error and not a SIGBUS`,
      holds: (found) => (found as bigint) >= BigInt(regionBytes(3)),
    })
    scene.same(
      'files that have the name of the region, or are beside it',
      scene.entries().join(' '),
      scene.options.region,
    )
    const empty = Object.assign(Object.create(Object.getPrototypeOf(made)), {
      bytes: Buffer.alloc(made.bytes.length),
      slots: 3,
    })
    const header: Fields = {
      'Header.magic': magic,
      'Header.version': BigInt(layout().version),
      'Header.header_bytes': BigInt(headerBytes),
      'Header.signature': layout().signature,
      'Header.slot_bytes': BigInt(sizes.slot()),
      'Header.slot_count': 3n,
      'Header.region_bytes': BigInt(regionBytes(3)),
      'Header.nonce': notZero,
      'Header.created_boottime_ns': between(times.sinceBoot, times.untilBoot),
      ...headerAfterClaim(1n, 0n),
    }
    const bank = claimedFields(times, here, { worker, name, maxAgeNs: hour })
    scene.checks++
    scene.failures.push(...differences(empty, made, new Map([[first, { ...header, ...bank }]])))
    scene.same('bytes that no table names and that are not 0', unnamedBytes(made).join(' '), '')
    scene.locked('after the claim', [first], 3)
    await scene.judged('after the claim', { startup: 'starting', liveness: 'starting', readiness: 'starting' })
    await scene.judged(
      'after the grace',
      { startup: 'stalled', liveness: 'stalled', readiness: 'stalled' },
      { grace: '0' },
    )
  },
}
