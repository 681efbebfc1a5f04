import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardPath, Region } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { only } from '../support/held.js'
import { answers, never, type Service, service } from '../support/notified.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'

describe.concurrent('the environment of a command under --notify', () => {
  it('names an abstract socket, the watchdog time and the command itself', async () => {
    const notified = await service(['--max-age', '1500ms'])
    const { pid, env } = await notified.ask<{ pid: number; env: object }>({ env: true })
    expect(env).toEqual({
      NOTIFY_SOCKET: expect.stringMatching(/^@shm-liveness\/\d+$/),
      WATCHDOG_USEC: '1500000',
      WATCHDOG_PID: String(pid),
    })
  })

  it('has nothing left of what the guard itself inherited', async () => {
    const old = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '7', WATCHDOG_PID: '1', OTHER: 'stays' }
    const shown = await guard(
      ['--region', uniqueRegion(), '--notify', ...never, '--', 'sh', '-c', 'echo $$; env | sort'],
      { env: old },
    )
    const [pid, ...env] = shown.stdout.trim().split('\n')
    const about = env.filter((line) => /^(NOTIFY|WATCHDOG|OTHER)/.test(line))
    expect(about).toEqual([
      expect.stringMatching(/^NOTIFY_SOCKET=@/),
      'OTHER=stays',
      `WATCHDOG_PID=${pid}`,
      'WATCHDOG_USEC=3600000000',
    ])
  })

  it('asks for no watchdog without --max-age, whatever was inherited', async () => {
    const shown = await guard(['--region', uniqueRegion(), '--notify', '--', 'env'], {
      env: { WATCHDOG_USEC: '7', WATCHDOG_PID: '1' },
    })
    expect(shown.stdout).toMatch(/^NOTIFY_SOCKET=@/m)
    expect(shown.stdout).not.toMatch(/WATCHDOG/)
  })

  it('is left alone without --notify', async () => {
    const old = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '7', WATCHDOG_PID: '1' }
    const { stdout } = await guard(['--region', uniqueRegion(), '--', 'sh', '-c', 'env | sort'], { env: old })
    expect(stdout).toContain('NOTIFY_SOCKET=/run/systemd/notify\n')
    expect(stdout).toContain('WATCHDOG_PID=1\nWATCHDOG_USEC=7\n')
  })
})

describe.concurrent('a service', () => {
  it('that has said nothing yet has not started, but lives', async () => {
    const { region } = await service()
    expect(await answers(region)).toBe('starting pass starting')
    expect(only(region)).toMatchObject({ name: 'main', phase: 'starting', ready: false, beats: 0, maxAgeMs: 3_600_000 })
  })

  it('is the worker of its region under its own pid and the name that --name says', async () => {
    const named = await service(['--max-age', '1h', '--name', 'web'])
    const { pid } = await named.ask<{ pid: number }>({ env: true })
    expect(only(named.region)).toMatchObject({ name: 'web', pid })
  })

  it('is started and ready after READY=1', async () => {
    const { region, say } = await service()
    expect(await say('READY=1')).toMatchObject({ heard: true })
    expect(await answers(region)).toBe('pass pass pass')
    expect(only(region)).toMatchObject({ phase: null, ready: true, beats: 1 })
  })

  it('beats with each WATCHDOG=1', async () => {
    const { region, say } = await service()
    await say('READY=1')
    await say('WATCHDOG=1', { times: 5 })
    expect(only(region)).toMatchObject({ beats: 6 })
  })

  it('that pings its watchdog before it is ready is still starting, as systemd has it', async () => {
    const { region, say } = await service()
    await say('WATCHDOG=1')
    expect(await answers(region)).toBe('starting pass starting')
    expect(only(region)).toMatchObject({ beats: 0 })
  })

  it('that beats in our words before it is ready has started', async () => {
    const { region, say } = await service()
    await say('WATCHDOG=1\nX_SHM_LIVENESS_BEAT=1')
    expect(await answers(region)).toBe('pass pass not-ready')
  })

  it('is not ready from RELOADING=1 to the next READY=1', async () => {
    const { region, say } = await service()
    await say('READY=1')
    await say('RELOADING=1\nMONOTONIC_USEC=12345')
    expect(await answers(region)).toBe('pass pass not-ready')
    expect(only(region)).toMatchObject({ phase: 'reloading', status: 'reloading' })
    await say('WATCHDOG=1')
    expect(only(region)).toMatchObject({ phase: 'reloading' })
    await say('READY=1')
    expect(await answers(region)).toBe('pass pass pass')
  })

  it('is not ready after STOPPING=1, and has as long as under systemd', async () => {
    const { region, say } = await service()
    await say('READY=1')
    await say('STOPPING=1')
    expect(await answers(region)).toBe('pass pass not-ready')
    expect(only(region)).toMatchObject({ phase: 'stopping', limitMs: 90_000 })
  })

  it('says in STATUS what --json shows, and what readiness does while it is not ready', async () => {
    const { region, say } = await service()
    await say('STATUS=loading the model')
    const { stdout } = await probe(['--region', region, '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      workers: [{ name: 'main', phase: 'starting', status: 'loading the model' }],
    })
    await say('WATCHDOG=1\nX_SHM_LIVENESS_BEAT=1')
    expect((await probe(['--region', region, '--check', 'readiness'])).stdout).toBe(
      'not-ready: main has not said ready (loading the model)\n',
    )
    expect((await probe(['--region', region, '--verbose'])).stdout).toMatch(/^healthy\n.*\/main running, not ready, /)
  })

  it('keeps whether it is ready when only its STATUS changes', async () => {
    const { region, say } = await service()
    await say('READY=1\nSTATUS=serving')
    await say('STATUS=serving 3 clients')
    expect(only(region)).toMatchObject({ ready: true })
  })

  it('may say everything in one datagram', async () => {
    const { region, say } = await service()
    await say(
      'X_SHM_LIVENESS_PHASE=warm up\nX_SHM_LIVENESS_BUDGET_USEC=60000000\nSTATUS=a=b\n\nUNKNOWN=1\nWATCHDOG=1\n',
    )
    expect(only(region)).toMatchObject({ phase: 'warm up', limitMs: 60_000, beats: 1, status: 'a=b' })
  })

  it('that exits has the last word, and its exit code is the guard’s', async () => {
    const ends = await service()
    await ends.say('READY=1')
    ends.tell({ exit: 7 })
    expect(await ends.program.ended).toEqual({ code: 7, signal: null })
    expect(ends.program.stderr).toBe('')
  })

  it('that sends and ends at once is heard', async () => {
    const region = uniqueRegion()
    const script = `import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); n = os.environ["NOTIFY_SOCKET"]
s.connect("\\0" + n[1:]); s.send(b"READY=1\\nSTATUS=gone")`
    const result = await guard(['--region', region, '--notify', '--', ...python, '-c', script])
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(only(region)).toMatchObject({ state: 'stopped', beats: 1 })
  })
})

describe.concurrent('a region of a service', () => {
  it('is found stopped after the service has ended well, and dead after it has not', async () => {
    const well = await guard(['--region', uniqueRegion(), '--notify', '--', 'true'])
    expect(well.code).toBe(0)
    const region = uniqueRegion()
    await guard(['--region', region, '--notify', '--', 'sh', '-c', 'exit 3'])
    expect(Region.open(region).workers()).toMatchObject([{ name: 'main', state: 'dead' }])
  })
})

describe.concurrent('MAINPID', () => {
  it('names the process that the stamps are meant of, and that a stall is put down to', async () => {
    const notified = await service([...never, '--interval', '5ms', '--grace', '1s'])
    const { pid } = await notified.ask<{ pid: number }>({ spawn: true })
    await notified.say(`MAINPID=0x${pid.toString(16)}\nREADY=1`)
    expect(only(notified.region)).toMatchObject({ pid, ready: true })
    await notified.say('WATCHDOG=trigger', { barrier: false })
    expect(await notified.program.ended).toMatchObject({ code: 120 })
    expect(notified.program.stderr).toContain(`, pid ${pid} S (sleeping)`)
  })

  it.each([
    ['that is not a descendant of the guard', () => process.pid],
    ['that is the guard', ({ program }: Service) => program.pid],
    ['that nobody has', () => 0x7fffffff],
  ])('of a process %s is skipped, with a word', async (_, pidOf) => {
    const notified = await service()
    const { pid } = await notified.ask<{ pid: number }>({ env: true })
    await notified.say(`MAINPID=${pidOf(notified)}\nREADY=1`)
    expect(only(notified.region)).toMatchObject({ pid, ready: true })
    expect(await notified.program.complained('\n')).toBe(
      `shm-guard: notification of pid ${pid}: skipped a variable: MAINPID is not a living descendant of the guard\n`,
    )
  })

  it('is the command again after a restart', async () => {
    const region = uniqueRegion()
    const line = 'sleep infinity & systemd-notify --ready MAINPID=$!; echo $$ $!; read go; exit 1'
    const flags = ['--region', region, '--notify', ...never, '--restart', '1', '--', 'sh', '-c', line]
    const program = Program.run(guardPath(), flags)
    const [, first] = (await program.said('')).split(' ').map(Number)
    expect(only(region)).toMatchObject({ pid: first })
    program.tell('')
    const [, second] = (await program.said('')).split(' ').map(Number)
    expect(only(region)).toMatchObject({ pid: second })
    expect(second).not.toBe(first)
  })
})

describe.concurrent('--notify-socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'notify-socket-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  let made = 0
  const newPath = () => join(folder, `socket-${++made}`)
  const socketFlags = (path: string) => [...never, '--notify-socket', path]

  it('is a file that everybody may write to, and is gone with the guard', async () => {
    const path = newPath()
    const notified = await service(socketFlags(path))
    expect(await notified.socket()).toBe(path)
    expect(statSync(path).mode & 0o777).toBe(0o777)
    await notified.say('READY=1')
    expect(only(notified.region)).toMatchObject({ ready: true })
    notified.tell({ exit: 0 })
    expect(await notified.program.ended).toMatchObject({ code: 0 })
    expect(existsSync(path)).toBe(false)
  })

  it('reaches a command in a network namespace of its own, which an abstract socket does not', async () => {
    const inner = ['unshare', '--net', '--']
    const notified = await service(socketFlags(newPath()), [], inner)
    await notified.say('READY=1')
    expect(only(notified.region)).toMatchObject({ ready: true })
    const ended = await guard([
      ...['--region', uniqueRegion(), '--notify', ...never, '--', ...inner],
      ...['sh', '-c', 'exec 2>/dev/null; systemd-notify --ready'],
    ])
    expect(ended.code).toBe(1)
  })

  it('is understood by systemd-notify and by shm-guard notify', async () => {
    const region = uniqueRegion()
    const line = 'systemd-notify --ready && "$GUARD" notify --beat && echo told && read go'
    const args = ['--region', region, '--notify', ...socketFlags(newPath()), '--', 'sh', '-c', line]
    const program = Program.run(guardPath(), args, { GUARD: guardPath() })
    await program.said('told')
    expect(only(region)).toMatchObject({ ready: true, beats: 2 })
  })

  it('takes the place of one that a killed guard has left', async () => {
    const path = newPath()
    const first = await service(socketFlags(path))
    await first.program.kill()
    expect(existsSync(path)).toBe(true)
    const second = await service(socketFlags(path))
    await second.say('READY=1')
    expect(only(second.region)).toMatchObject({ ready: true })
  })

  it.each([
    ['a file', (path: string) => writeFileSync(path, 'kept'), 'another file has that name'],
    ['a folder', (path: string) => mkdirSync(path), 'another file has that name'],
    ['a link', (path: string) => symlinkSync('/nowhere', path), 'another file has that name'],
  ])('does not take the place of %s', async (_, make, why) => {
    const path = newPath()
    make(path)
    const before = lstatSync(path)
    const flags = ['--region', uniqueRegion(), '--notify', ...socketFlags(path), '--', 'true']
    expect(await guard(flags)).toMatchObject({
      code: 3,
      stderr: `shm-guard: cannot open a notification socket: ${why}\n`,
    })
    expect(lstatSync(path).ino).toBe(before.ino)
  })

  it('does not take the place of one at which another guard listens, and leaves it there', async () => {
    const path = newPath()
    const first = await service(socketFlags(path))
    const flags = ['--region', uniqueRegion(), '--notify', ...socketFlags(path), '--', 'true']
    expect(await guard(flags)).toMatchObject({
      code: 3,
      stderr: 'shm-guard: cannot open a notification socket: address in use\n',
    })
    await first.say('READY=1')
    expect(only(first.region)).toMatchObject({ ready: true })
  })

  it('is gone with a guard that cannot guard', async () => {
    const path = newPath()
    const flags = ['--dir', join(folder, 'nowhere'), '--notify', ...socketFlags(path), '--', 'true']
    expect((await guard(flags)).code).toBe(3)
    expect(existsSync(path)).toBe(false)
  })

  it('is left alone once another file is in its place', async () => {
    const path = newPath()
    const notified = await service(socketFlags(path))
    rmSync(path)
    writeFileSync(path, 'kept')
    notified.tell({ exit: 0 })
    await notified.program.ended
    expect(readFileSync(path, 'utf8')).toBe('kept')
  })
})
