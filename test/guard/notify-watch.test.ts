import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { only } from '../support/held.js'
import { ageMs, answers, never, service } from '../support/notified.js'
import { uniqueRegion } from '../support/region.js'

describe.concurrent('the watch of a service', () => {
  const quick = ['--interval', '5ms', '--grace', '1s']
  const yearMs = 365 * 24 * 3_600_000

  it('ends one that misses its WATCHDOG', async () => {
    const { program, say } = await service(['--max-age', '400ms', ...quick])
    await say('READY=1')
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(program.stderr).toMatch(/^shm-guard: stalled: main last beat \S+ ago \(limit 400ms\), .*pid \d+ /m)
    expect(ageMs(program.stderr)).toBeGreaterThanOrEqual(400)
  })

  it('leaves one alone that sends WATCHDOG=1 in time', async () => {
    const maxAgeMs = 2_000
    const { program, region, say } = await service(['--max-age', `${maxAgeMs}ms`, ...quick])
    await say('READY=1')
    // Longer than the max age, which a beat every 50 ms keeps far away also on a busy machine.
    for (const end = performance.now() + maxAgeMs + 300; performance.now() < end; await sleep(50)) {
      await say('WATCHDOG=1')
    }
    expect(only(region)).toMatchObject({ state: 'running' })
    expect(program.stderr).toBe('')
  })

  it('ends one that never sends READY=1, after --startup-grace', async () => {
    const flags = ['--region', uniqueRegion(), '--notify', '--max-age', '1h', '--startup-grace', '1s', ...quick]
    const { code, stderr } = await guard([...flags, '--', 'sleep', 'infinity'])
    expect(code).toBe(120)
    expect(stderr).toMatch(/stalled: main no beat since its claim \S+ ago \(limit 1s\) in phase "starting"/)
    expect(ageMs(stderr)).toBeGreaterThanOrEqual(1_000)
  })

  // That it waits so long: notify-systemd.test.ts, as systemd-notify starts far sooner than Python.
  it('has the limit that EXTEND_TIMEOUT_USEC sets, if that is later', async () => {
    const { region, say } = await service([...never, ...quick])
    await say('EXTEND_TIMEOUT_USEC=600000000')
    expect(only(region)).toMatchObject({ phase: 'starting', limitMs: 600_000 })
    await say('EXTEND_TIMEOUT_USEC=1000')
    expect(only(region)).toMatchObject({ limitMs: 600_000 })
  })

  it('does not extend what has no end', async () => {
    const { region, say } = await service()
    await say('READY=1')
    await say('EXTEND_TIMEOUT_USEC=60000000')
    expect(only(region)).toMatchObject({ phase: null, limitMs: 3_600_000 })
  })

  it('ends one at once that sends WATCHDOG=trigger', async () => {
    const { program, say } = await service([...never, ...quick])
    await say('READY=1')
    await say('WATCHDOG=trigger', { barrier: false })
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(program.stderr).toMatch(/stalled: main last beat \S+ ago \(limit 1ns\) in phase "WATCHDOG=trigger"/)
  })

  it('goes by a WATCHDOG_USEC that comes at run time', async () => {
    const { program, region, say } = await service([...never, ...quick])
    await say('READY=1')
    await say('WATCHDOG_USEC=20000000')
    expect(only(region)).toMatchObject({ maxAgeMs: 20_000, state: 'running' })
    await say('WATCHDOG_USEC=300000', { barrier: false })
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(program.stderr).toMatch(/\(limit 300ms\)/)
  })

  it('starts with a WATCHDOG_USEC where no --max-age asked for one', async () => {
    const { program, say } = await service(quick)
    await say('READY=1\nWATCHDOG_USEC=300000', { barrier: false })
    expect(await program.ended).toEqual({ code: 120, signal: null })
  })

  it('ends with WATCHDOG_USEC=0', async () => {
    const { region, say } = await service(['--max-age', '20s', ...quick])
    await say('READY=1\nWATCHDOG_USEC=0')
    const { state, maxAgeMs } = only(region)
    expect(state).toBe('running')
    expect(maxAgeMs).toBeGreaterThanOrEqual(yearMs)
  })

  it('knows no stall without --max-age', async () => {
    const { program, region, say } = await service(quick)
    await say('READY=1')
    expect(await answers(region)).toBe('pass pass pass')
    expect(only(region).maxAgeMs).toBeGreaterThanOrEqual(yearMs)
    expect(program.stderr).toBe('')
  })
})
