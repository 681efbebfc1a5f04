import { spawnSync } from 'node:child_process'
import { guardPath } from 'shm-liveness'
import { beforeAll, describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { only } from '../support/held.js'
import { ageMs, answers, never, service } from '../support/notified.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'

describe.concurrent('systemd-notify', () => {
  // Not skipped: only the real counterpart shows that the protocol is systemd's.
  beforeAll(() => {
    const missing = spawnSync('systemd-notify', ['--version']).error
    if (missing) throw new Error(`these tests need systemd-notify (Debian package systemd): ${missing.message}`)
  })

  /** A shell script that notifies by systemd-notify, then writes `told` and waits for a line. */
  async function script(lines: string, flags: string[] = never): Promise<{ region: string; program: Program }> {
    const region = uniqueRegion()
    const args = ['--region', region, '--notify', ...flags, '--', 'sh', '-c', `${lines}; echo told; read line`]
    const program = Program.run(guardPath(), args)
    await program.said('told')
    return { region, program }
  }

  it('--ready makes the command ready', async () => {
    const { region } = await script('systemd-notify --ready')
    expect(await answers(region)).toBe('pass pass pass')
  })

  it('is answered each time', async () => {
    const lines = 'for i in 1 2 3; do systemd-notify --ready --status="round $i" || exit 9; done'
    const result = await guard(['--region', uniqueRegion(), '--notify', '--', 'sh', '-c', lines])
    // It fails after five seconds without an answer.
    expect(result).toMatchObject({ code: 0, stderr: '' })
  })

  it('--status sets the text', async () => {
    const { region } = await script("systemd-notify --status='10 % of the maps: ü'")
    const { stdout } = await probe(['--region', region, '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ workers: [{ status: expect.stringContaining('10 % of the maps') }] })
  })

  it('WATCHDOG=1 beats', async () => {
    const { region } = await script('systemd-notify --ready; systemd-notify WATCHDOG=1; systemd-notify WATCHDOG=1')
    expect(only(region)).toMatchObject({ beats: 3 })
  })

  it('WATCHDOG=trigger ends the command', async () => {
    const result = await guard([
      ...['--region', uniqueRegion(), '--notify', ...never, '--grace', '1s', '--'],
      ...['sh', '-c', 'systemd-notify --ready; systemd-notify WATCHDOG=trigger; exec sleep infinity'],
    ])
    expect(result).toMatchObject({ code: 120, stderr: expect.stringContaining('in phase "WATCHDOG=trigger"') })
  })

  it('EXTEND_TIMEOUT_USEC= lets the guard wait longer than the startup grace', async () => {
    const flags = ['--region', uniqueRegion(), '--notify', ...never, '--startup-grace', '3s', '--grace', '1s']
    const line = 'systemd-notify EXTEND_TIMEOUT_USEC=3500000; exec sleep infinity'
    const { code, stderr } = await guard([...flags, '--', 'sh', '-c', line])
    expect(code).toBe(120)
    expect(stderr).toMatch(/\(limit 3.5s\) in phase "starting"/)
    expect(ageMs(stderr)).toBeGreaterThanOrEqual(3_500)
  })

  it('WATCHDOG_USEC=, EXTEND_TIMEOUT_USEC=, RELOADING= and STOPPING= mean what they mean to systemd', async () => {
    const lines = [
      'systemd-notify EXTEND_TIMEOUT_USEC=120000000; echo extended; read line',
      'systemd-notify --ready WATCHDOG_USEC=5000000; echo ready; read line',
      'systemd-notify RELOADING=1; echo reloading; read line',
      'systemd-notify --ready; echo reloaded; read line',
      'systemd-notify STOPPING=1',
    ]
    const region = uniqueRegion()
    const program = Program.run(guardPath(), [
      ...['--region', region, '--notify', '--startup-grace', '30s', '--'],
      ...['sh', '-c', `${lines.join('; ')}; echo told; read line`],
    ])
    await program.said('extended')
    expect(only(region)).toMatchObject({ phase: 'starting', limitMs: 120_000 })
    program.tell('')
    await program.said('ready')
    expect(only(region)).toMatchObject({ phase: null, maxAgeMs: 5_000, ready: true })
    program.tell('')
    await program.said('reloading')
    expect(only(region)).toMatchObject({ phase: 'reloading', limitMs: 30_000, ready: false })
    program.tell('')
    await program.said('reloaded')
    expect(only(region)).toMatchObject({ phase: null, ready: true })
    program.tell('')
    await program.said('told')
    expect(only(region)).toMatchObject({ phase: 'stopping', ready: false })
    expect(program.stderr).toBe('')
  })
})

describe.concurrent('a number', () => {
  const values = [
    ...['5', '0x4C4B40', '0X1f', '010', '08', '0b101', '0B1', '0o17', '0O7', '0o08', '0b', '0x', '0b0x1', '0xG'],
    ...[' 7', '\t7', '\v9', '7 ', '+7', '-7', '0b+1', '0b-1', '0x+1', '+0x10', '1_0', '1.5', '1s', '5m', ''],
    ...['18446744073709551616', '0x10000000000000000', '99999999999'],
  ]
  // sd_watchdog_enabled(3) reads it by safe_atou64(), as the manager does. Its result: 1, or -errno.
  const asSystemd = `
import ctypes, json, os, sys
library, usec, read = ctypes.CDLL("libsystemd.so.0"), ctypes.c_uint64(), []
for value in json.loads(sys.argv[1]):
    os.environ["WATCHDOG_USEC"] = value
    read.append(usec.value if library.sd_watchdog_enabled(0, ctypes.byref(usec)) > 0 else None)
print(json.dumps(read))`

  it('is read as libsystemd reads it', async () => {
    const [command, ...flags] = python
    const { stdout, stderr } = spawnSync(command, [...flags, '-c', asSystemd, JSON.stringify(values)], {
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    const { region, say } = await service()
    const read: (number | null)[] = []
    for (const value of values) {
      await say('WATCHDOG_USEC=777')
      await say(`WATCHDOG_USEC=${value}`)
      const usec = Math.round(only(region).maxAgeMs * 1_000)
      read.push(usec === 777 ? null : usec)
    }
    expect(Object.fromEntries(values.map((value, i) => [value, read[i]]))).toEqual(
      Object.fromEntries((JSON.parse(stdout) as (number | null)[]).map((usec, i) => [values[i], usec])),
    )
  })
})
