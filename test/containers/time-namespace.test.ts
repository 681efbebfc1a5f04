import { describe, expect, it } from 'vitest'
import { parseDuration } from '../../lib/duration.js'
import { Container } from '../support/container.js'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'

// The max age of the workers is less than any offset here: a beat that is younger than it is healthy at first sight,
// whatever the clock.
const foreign = /^unusable: grabber: .* time namespace.*\[CLOCK_FOREIGN\]\n$/

describe.each([
  ['a day ahead', 86_400],
  ['a minute ahead', 60],
  // No clock can be further behind than the machine has been up.
  ['20 seconds behind', -20],
])('a worker in a time namespace %s', (_which, clockAheadS) => {
  it('is CLOCK_FOREIGN from outside, whether it beats or not', async () => {
    const region = uniqueRegion()
    const container = await Container.start({ clockAheadS })
    const worker = await container.claim({ region, name: 'grabber', maxAge: '5s' })
    const fromOutside = async (flags: string[] = []) => {
      for (const check of ['liveness', 'readiness', 'startup']) {
        const found = await probe(['--region', region, '--check', check, ...flags])
        expect(found.code).toBe(3)
        expect(found.stdout).toMatch(foreign)
      }
    }
    // Behind, its claim is nothing but a little old: liveness gives it the grace of any other.
    if (clockAheadS > 0) await fromOutside()
    await worker.ask({ do: 'loop', everyMs: 5 })
    await fromOutside()
    await worker.ask({ do: 'halt' })
    await fromOutside(['--max-age', '1ns'])
  })

  it('is healthy, stalled and dead as any other from inside', async () => {
    const region = uniqueRegion()
    const container = await Container.start({ clockAheadS })
    const worker = await container.claim({ region, name: 'grabber', maxAge: '5s' })
    expect(await container.probe(['--region', region, '--startup-grace', '1m'])).toMatchObject({ code: 0 })
    await worker.ask({ do: 'loop', everyMs: 5 })
    expect(await container.probe(['--region', region, '--check', 'startup'])).toMatchObject({ code: 0 })
    await worker.ask({ do: 'halt' })
    const halted = performance.now()
    const found = await container.probe(['--region', region, '--max-age', '1ms'])
    const age = /^stalled: grabber last beat (\S+) ago/.exec(found.stdout)?.[1]
    // The age is that of the machine's clock: no offset of the namespace is in it.
    const waitedMs = performance.now() - halted
    expect(parseDuration(age ?? '')! / 1e6).toBeLessThan(waitedMs + 5_000)
  })

  it('looks out at workers outside, and finds their clock foreign', async () => {
    const region = uniqueRegion()
    const outside = await Container.start()
    const worker = await outside.claim({ region, name: 'grabber', maxAge: '5s' })
    await worker.ask({ do: 'loop', everyMs: 5 })
    const container = await Container.start({ clockAheadS })
    const found = await container.probe(['--region', region])
    expect(found.code).toBe(3)
    expect(found.stdout).toMatch(foreign)
  })
})
