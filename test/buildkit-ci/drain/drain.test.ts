import { describe, expect, it } from 'vitest'
import { type Drained, drain } from '../../../examples/buildkit-ci/drain/drain.js'
import { ClientBuild } from '../../fakes/buildkit/index.js'
import { SimulatedClock } from '../../support/simulated-clock.js'
import { until } from '../../support/until.js'
import { connectTo, startFake } from '../support.js'

/** A drain over what is seen second by second. */
async function drained(seconds: Partial<Drained>[], options = {}) {
  const clock = new SimulatedClock()
  const said: string[] = []
  let turn = 0
  const work = drain({
    look: () => ({
      refs: [],
      isOver: undefined,
      askedMs: clock.now(),
      ...seconds[Math.min(turn++, seconds.length - 1)],
    }),
    ...{ settleMs: 3000, timeoutMs: 10_000, intervalMs: 1000, clock, say: (line: string) => said.push(line) },
    ...options,
  })
  return { outcome: await clock.ending(work), said, tookMs: clock.now() }
}

describe('a drain', () => {
  it('waits for each build by name, and then for late clients', async () => {
    const { outcome, said, tookMs } = await drained([{ refs: ['a', 'b'] }, { refs: ['b'] }, { refs: [] }])
    expect(outcome).toEqual({ kind: 'drained' })
    expect(said).toEqual([
      'draining: waiting for builds a, b',
      'draining: waiting for build b',
      'draining: no build runs; waiting for late clients',
    ])
    expect(tookMs).toBe(5000)
  })

  it('waits again for a client that came late', async () => {
    const { outcome, tookMs } = await drained([{ refs: [] }, { refs: ['late'] }, { refs: [] }])
    expect(outcome).toEqual({ kind: 'drained' })
    expect(tookMs).toBe(5000)
  })

  it('names the builds that are lost when its time is over', async () => {
    expect((await drained([{ refs: ['a'] }])).outcome).toEqual({ kind: 'timeout', refs: ['a'] })
  })

  it('waits for nothing in a daemon that hangs', async () => {
    const { outcome, tookMs } = await drained([{ refs: ['a'] }, { refs: ['a'], isOver: 'the daemon does not answer' }])
    expect(outcome).toEqual({ kind: 'over', why: 'the daemon does not answer' })
    expect(tookMs).toBe(1000)
  })

  it('believes no answer to a question from before: while a newer one is owed, builds may run', async () => {
    expect((await drained([{ refs: [], askedMs: -1 }])).outcome).toEqual({ kind: 'timeout', refs: undefined })
    const { outcome, tookMs } = await drained([...Array.from({ length: 5 }, () => ({ askedMs: 500 })), {}])
    expect(outcome).toEqual({ kind: 'drained' })
    expect(tookMs).toBe(5000)
  })

  it('believes no absence from before', async () => {
    const absent = { refs: undefined, isOver: 'no daemon is there' }
    expect((await drained([{ ...absent, askedMs: -1 }, {}])).outcome).toEqual({ kind: 'drained' })
    expect((await drained([absent])).outcome).toEqual({ kind: 'over', why: 'no daemon is there' })
  })

  it('takes a daemon whose builds are not known for a busy one', async () => {
    expect((await drained([{ refs: undefined }])).outcome).toEqual({ kind: 'timeout', refs: undefined })
  })
})

describe('a stop of the daemon', () => {
  it('loses a build whose result is not returned, if nothing was drained before: its last call finds no listener', async () => {
    const { fake, socket } = await startFake()
    using build = new ClientBuild(`unix:${socket}`, 'a')
    const connection = connectTo(socket)
    await until('the build runs', async () => {
      const answer = await connection.ask(60_000)
      return answer.kind === 'answered' && answer.activeRefs?.includes('a')
    })
    void fake.stopGracefully()
    await until('no listener', async () => (await connection.ask(1000)).kind !== 'answered')
    expect(await build.returnResult()).toMatchObject({ code: 14 })
  })

  it('loses none after a drain', async () => {
    const { fake, socket } = await startFake()
    using build = new ClientBuild(`unix:${socket}`, 'a')
    const connection = connectTo(socket)
    const said: string[] = []
    const look = async () => {
      const askedMs = performance.now()
      const answer = await connection.ask(60_000)
      return { refs: answer.kind === 'answered' ? answer.activeRefs : undefined, isOver: undefined, askedMs }
    }
    await until('the build runs', async () => (await look()).refs?.includes('a'))
    const say = (line: string) => said.push(line)
    const draining = drain({ look, settleMs: 0, timeoutMs: 60_000, intervalMs: 10, say })
    await until('the drain waits', () => said.includes('draining: waiting for build a'))
    expect(await build.returnResult()).toBeNull()
    expect(await build.ended).toBeNull()
    expect(await draining).toEqual({ kind: 'drained' })
    await fake.stopGracefully()
  })
})
