import { afterEach, describe, expect, it } from 'vitest'
import { Cgroup } from '../support/cgroup.js'
import { only } from '../support/held.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { scriptFolder } from '../support/scripts.js'
import { until, untilHolds } from '../support/until.js'
import { workersOf } from '../support/workers.js'

const trial = Cgroup.freezable()
trial?.remove()
if (trial === undefined) console.error('test: SKIPPED control groups: this user may make none (run as root)')

const groups: { group: Cgroup; program: Program }[] = []
function confine(program: Program, group = Cgroup.freezable()): Cgroup {
  if (group === undefined) throw new Error('no control group could be made')
  groups.push({ group, program })
  group.add(program.pid)
  return group
}
afterEach(async () => {
  for (const { group, program } of groups.splice(0)) {
    // A frozen process dies when it goes on.
    if (group.isFrozen) group.freeze(false)
    await program.kill()
    await until('the group is empty', () => {
      try {
        group.remove()
        return true
      } catch {
        return false
      }
    })
  }
})

describe.skipIf(trial === undefined)('in a control group', () => {
  async function counting(maxAge: string): Promise<{ region: string; loop: Program }> {
    const region = uniqueRegion()
    const loop = Program.fixture('loops-flat-out', [region, maxAge, 'counted'])
    await loop.said('compiled')
    await until('a sample has seen the loop', () => only(region).beats > 1_000_000)
    return { region, loop }
  }

  it('that is throttled nine tenths of the time a loop of counted beats stays healthy', async () => {
    const { region, loop } = await counting('1s')
    const group = Cgroup.withQuota(10)
    confine(loop, group)
    const verdicts = new Set<string>()
    await until('the quota was used up thirty times', async () => {
      verdicts.add((await probe(['--region', region])).stdout)
      return (group?.throttled ?? 0) >= 30
    })
    expect([...verdicts]).toEqual([''])
  })

  it('that is frozen a counted heartbeat is stalled, and is healthy when it goes on', async () => {
    const { region, loop } = await counting('100ms')
    const group = confine(loop)
    group.freeze(true)
    await until('it is stalled', async () => (await probe(['--region', region])).code !== 0)
    group.freeze(false)
    await until('it is healthy again', async () => (await probe(['--region', region])).code === 0)
  })

  // With a limit of seconds, because on a busy machine a loop is silent for a tenth of one by itself, and then its code is
  // told with good reason.
  it('that is frozen no code is blamed', async () => {
    const region = uniqueRegion()
    const folder = scriptFolder({
      'main.mjs': `import { claim } from './claim.mjs'
const heartbeat = claim('worker', { maxAge: '2s' })
setInterval(heartbeat.beat, 5)
console.log('beats')`,
    })
    const program = Program.run(process.execPath, [`${folder}/main.mjs`], { SHM_LIVENESS_REGION: region })
    await program.said('beats')
    const group = confine(program)
    group.freeze(true)
    await untilHolds(
      'it is long stalled',
      () => only(region),
      ({ ageMs }) => ageMs > 3_000,
    )
    expect(workersOf(region)['worker']?.where).toBeNull()
    const { beats } = only(region)
    group.freeze(false)
    await until('it has gone on for a while', () => only(region).beats > beats + 50)
    expect(workersOf(region)['worker']?.where).toBeNull()
  })
})
