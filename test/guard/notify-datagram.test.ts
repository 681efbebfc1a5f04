import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { only } from '../support/held.js'
import { answers, countOpen, refusals, service } from '../support/notified.js'

describe.concurrent('a datagram', () => {
  it.each([
    ['with a NUL at its end, as some libraries send it', 'READY=1\0'],
    ['with a line end at its end', 'READY=1\n'],
    ['with empty lines', '\n\nREADY=1\n\n'],
    ['with variables that are others’ business', 'FDSTORE=1\nREADY=1\nX_MINE=2\nERRNO=2\nREADY=no'],
    ['of 4,096 bytes', `READY=1\nX=${'x'.repeat(4_086)}`],
  ])('%s is heard', async (_, text) => {
    const { region, program, say } = await service()
    expect(await say(text)).toMatchObject({ heard: true })
    expect(only(region)).toMatchObject({ ready: true })
    expect(program.stderr).toBe('')
  })

  it.each([
    ['empty', '', 'it is empty'],
    ['only a NUL', '\0', 'it is empty'],
    ['only line ends', '\n\n', 'it holds no VARIABLE=value'],
    ['with a NUL within', 'READY=1\0STATUS=a', 'it holds a NUL'],
    ['with two NULs at its end', 'READY=1\0\0', 'it holds a NUL'],
    ['without a =', 'READY', 'it holds no VARIABLE=value'],
    ['with nothing but a nameless variable', '=1', 'it holds no VARIABLE=value'],
    ['of 4,097 bytes', `READY=1\nX=${'x'.repeat(4_087)}`, 'it is longer than 4096 bytes'],
    ['of 150,000 bytes', `READY=1\nX=${'x'.repeat(150_000)}`, 'it is longer than 4096 bytes'],
    ['of random bytes', Buffer.from('ff00fe3d0a0d80', 'hex'), 'it holds a NUL'],
  ])('%s is refused as a whole, with a line that says why', async (_, text, why) => {
    const refused = await service()
    const { pid } = await refused.ask<{ pid: number }>({ env: true })
    await refused.say(text)
    const line = `shm-guard: notification of pid ${pid} refused: ${why}\n`
    expect(await refused.program.complained('\n')).toBe(line)
    expect(only(refused.region)).toMatchObject({ ready: false, phase: 'starting', beats: 0 })
    await refused.say('READY=1')
    expect(only(refused.region)).toMatchObject({ ready: true })
  })

  it.each([
    ['an unknown WATCHDOG', 'WATCHDOG=0', 'WATCHDOG is neither 1 nor trigger'],
    ['a WATCHDOG_USEC in words', 'WATCHDOG_USEC=5s', 'WATCHDOG_USEC is not a number of microseconds'],
    ['a negative WATCHDOG_USEC', 'WATCHDOG_USEC=-1', 'WATCHDOG_USEC is not a number of microseconds'],
    [
      'an EXTEND_TIMEOUT_USEC of nothing',
      'EXTEND_TIMEOUT_USEC=',
      'EXTEND_TIMEOUT_USEC is not a number of microseconds',
    ],
    ['a MAINPID in words', 'MAINPID=me', 'MAINPID is not a process id'],
    ['a phase without a budget', 'X_SHM_LIVENESS_PHASE=load', 'a phase has no budget'],
    ['a phase without a name', 'X_SHM_LIVENESS_PHASE=\nX_SHM_LIVENESS_BUDGET_USEC=1', 'a phase has no name'],
  ])('with %s is heard without it, with a line that says why', async (_, variable, why) => {
    const notified = await service()
    const { pid } = await notified.ask<{ pid: number }>({ env: true })
    await notified.say(`${variable}\nREADY=1`)
    expect(only(notified.region)).toMatchObject({ ready: true, beats: 1, phase: null, maxAgeMs: 3_600_000 })
    expect(await notified.program.complained('\n')).toBe(
      `shm-guard: notification of pid ${pid}: skipped a variable: ${why}\n`,
    )
  })

  it.each([
    ['without a =', 'hello\nREADY=1'],
    ['with a nameless variable', '=1\nREADY=1\n'],
    ['that ends with a carriage return', 'READY=1\r\n'],
  ])('with a line %s is heard without it, as systemd has it', async (_, text) => {
    const { region, say } = await service()
    await say(text)
    expect(only(region)).toMatchObject({ ready: true })
  })

  it('with the longest time is a year, and not no time', async () => {
    const { region, say } = await service()
    await say('READY=1\nWATCHDOG_USEC=18446744073709551615')
    expect(only(region).maxAgeMs).toBeGreaterThan(364 * 24 * 3_600_000)
    expect(await answers(region)).toBe('pass pass pass')
  })

  it('with 253 file descriptors is heard, and leaves none open', async () => {
    const { region, program, say } = await service()
    const open = () => countOpen(program.pid)
    const before = open()
    expect(await say('READY=1', { fds: 253, times: 3 })).toMatchObject({ heard: true })
    expect(open()).toBe(before)
    expect(only(region)).toMatchObject({ ready: true, beats: 3 })
  })

  it('that is refused leaves none of its file descriptors open', async () => {
    const notified = await service()
    const stranger = await notified.stranger()
    const open = () => countOpen(notified.program.pid)
    const before = open()
    await notified.say(`X=${'x'.repeat(5_000)}`, { fds: 253 })
    await notified.say('nonsense', { fds: 253 })
    expect(await stranger.say('READY=1', { fds: 253 })).toMatchObject({ heard: true })
    expect(open()).toBe(before)
    await refusals(notified, 3)
  })

  it('of twenty thousand fills neither the log nor the memory, and the next is heard', async () => {
    const notified = await service()
    const { region, program, say } = notified
    const resident = () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))?.[1])
    await say('nonsense')
    const before = resident()
    await say('nonsense', { times: 20_000 })
    expect(await say('READY=1')).toMatchObject({ heard: true })
    expect(only(region)).toMatchObject({ ready: true })
    expect(resident() - before).toBeLessThan(512)
    await program.complained('(16384 refused so far)\n')
    const lines = await refusals(notified)
    expect(lines.length).toBeGreaterThan(8)
    expect(lines.length).toBeLessThan(40)
    expect(lines.at(-1)).toMatch(/\(16384 refused so far\)$/)
  })

  it('after another, without end, does not hide a stall from the watch', async () => {
    const flooding = await service(['--interval', '5ms', '--grace', '1s'])
    flooding.tell({
      first: Buffer.from('READY=1\nWATCHDOG_USEC=300000').toString('base64'),
      flood: Buffer.from('nonsense').toString('base64'),
    })
    // The flood ends only with its sender. How soon the guard ends it is for the bench.
    expect(await flooding.program.ended).toEqual({ code: 120, signal: null })
    expect(flooding.program.stderr).toContain('stalled: main last beat')
    expect((await refusals(flooding)).length).toBeGreaterThan(8)
  })
})
