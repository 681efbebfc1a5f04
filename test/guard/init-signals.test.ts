import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { statesOfChildren } from '../support/children.js'
import { startMarkedGuard } from '../support/guard.js'
import type { Program } from '../support/program.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'

const hears = [...python, join(import.meta.dirname, '../fixtures/guard-hears.py')].join(' ')
const folder = mkdtempSync(join(tmpdir(), 'guard-signals-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Waits until the fixture has heard it: `command 15`. */
const heard = (program: Program, line: string) => until(line, () => program.lines.includes(line))

describe.concurrent('a signal', () => {
  // Those that tini forwards, too: all that can be caught, but for a fault of the guard's own and the terminal's two.
  const own = [4, 5, 6, 7, 8, 11, 17, 21, 22, 31]
  const forwarded = Array.from({ length: 31 }, (_, i) => i + 1).filter((n) => n !== 9 && n !== 19 && !own.includes(n))
  const all = [...forwarded, 34, 50, 64]

  it('is forwarded to the command and not to its children, whichever it is', async () => {
    const line = `${hears} child & exec ${hears} command`
    const program = startMarkedGuard(['--', 'sh', '-c', line])
    await heard(program, 'child is up')
    await heard(program, 'command is up')
    for (const number of all) {
      process.kill(program.pid, number)
      await heard(program, `command ${number}`)
    }
    const lines = program.lines.filter((said) => !said.endsWith('is up'))
    expect(lines).toEqual(all.map((number) => `command ${number}`))
  })

  it('that may be a stop is caught, as agents that read SigCgt want it, and reaches the command as it was', async () => {
    const program = startMarkedGuard(['--', 'sh', '-c', 'read go; exec cat /proc/self/status'])
    const sets = (text: string) => BigInt(`0x${/^SigCgt:\s+(\w+)$/m.exec(text)?.[1]}`)
    const stops = [1, 2, 3, 10, 12, 15, 28, 30].reduce((set, number) => set | (1n << BigInt(number - 1)), 0n)
    await until('all are caught', () => (sets(readFileSync(`/proc/${program.pid}/status`, 'utf8')) & stops) === stops)
    program.tell('go')
    await program.ended
    expect(sets(program.lines.join('\n'))).toBe(0n)
  })

  it('is forwarded to the whole group of a step', async () => {
    const line = `${hears} child & exec ${hears} command 0`
    const path = join(folder, 'steps.json')
    writeFileSync(path, JSON.stringify({ steps: [{ name: 'hear', shell: line }] }))
    const program = startMarkedGuard(['--region', uniqueRegion(), '--steps', path])
    await heard(program, 'child is up')
    await heard(program, 'command is up')
    for (const number of [1, 10, 28, 15]) {
      process.kill(program.pid, number)
      await heard(program, `command ${number}`)
      await heard(program, `child ${number}`)
    }
    await program.kill()
  })

  it('that the command ignores leaves it running, as often as it comes', async () => {
    const program = startMarkedGuard([
      '--',
      'sh',
      '-c',
      'trap "" TERM HUP; trap "exit 9" WINCH; echo up; while :; do sleep 0.02; done',
    ])
    await program.said('up')
    // The guard hears the signal with the highest number last.
    for (const signal of ['SIGHUP', 'SIGTERM', 'SIGTERM', 'SIGWINCH'] as const) process.kill(program.pid, signal)
    expect(await program.ended).toEqual({ code: 9, signal: null })
  })

  it('is not lost in a storm of thousands, and the storm ends neither the guard nor the command', async () => {
    const program = startMarkedGuard(['--', 'sh', '-c', `exec ${hears} command 7`])
    await heard(program, 'command is up')
    const numbers = [1, 10, 15, 28]
    for (let i = 0; i < 5000; i++) process.kill(program.pid, numbers[i % numbers.length] as number)
    // Pending signals of one kind melt into one. So each must be heard once, and once more after the storm.
    // Both the guard and the command hear pending signals in the order of their numbers, so 64 comes after the storm.
    process.kill(program.pid, 64)
    await heard(program, 'command 64')
    for (const number of numbers) expect(program.lines).toContain(`command ${number}`)
    program.lines.length = 0
    for (const number of numbers) process.kill(program.pid, number)
    for (const number of numbers) await heard(program, `command ${number}`)
    process.kill(program.pid, 'SIGUSR2')
    expect(await program.ended).toEqual({ code: 7, signal: null })
  })

  it('that stops the command leaves it stopped until SIGCONT comes', async () => {
    const program = startMarkedGuard(['--', 'sh', '-c', 'echo up $$; kill -STOP $$; echo on; exit 3'])
    const pid = await program.said('up')
    expect(Number(pid)).toBeGreaterThan(0)
    await until('the command is stopped', () => statesOfChildren(program.pid)[0] === 'T')
    process.kill(program.pid, 'SIGCONT')
    await program.said('on')
    expect(await program.ended).toEqual({ code: 3, signal: null })
  })

  it('ends a guard whose command is told to stop with what the command makes of it', async () => {
    const ends = async (line: string, flags: string[] = []) => {
      const program = startMarkedGuard([...flags, '--', 'sh', '-c', line])
      await program.said('up')
      process.kill(program.pid, 'SIGTERM')
      return (await program.ended).code
    }
    const polite = 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done'
    const codes = await Promise.all([
      ends('echo up; exec sleep infinity'),
      ends(polite),
      ends(polite, ['--build']),
      ends(polite.replace('exit 0', 'exit 4'), ['--build']),
    ])
    expect(codes).toEqual([143, 0, 143, 4])
  })
})
