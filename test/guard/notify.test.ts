import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { guardPath, Region } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { whyNoContainers } from '../support/container.js'
import { eventually } from '../support/eventually.js'
import { guard } from '../support/guard.js'
import { only } from '../support/held.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { checks, wordOf } from '../support/scene.js'

const fixture = join(import.meta.dirname, '../fixtures/guard_service.py')
const never = ['--max-age', '1h']

interface Sent {
  /** null: without a barrier */
  heard: boolean | null
  ms: number
}

interface Raw {
  fds?: number
  times?: number
  barrier?: boolean
}

/** A process that sends to a notification socket what it is told to: the guard's command, or a stranger. */
class Sender {
  constructor(readonly program: Program) {}

  static async started(program: Program): Promise<Sender> {
    const sender = new Sender(program)
    await program.said('')
    return sender
  }

  async ask<Answer>(request: object): Promise<Answer> {
    this.program.tell(JSON.stringify(request))
    return JSON.parse(await this.program.said('')) as Answer
  }

  /** One datagram, and waits until the guard has read it. */
  say(text: string | Buffer, raw: Raw = {}): Promise<Sent> {
    return this.ask({ bytes: Buffer.from(text).toString('base64'), ...raw })
  }

  async socket(): Promise<string> {
    const { env } = await this.ask<{ env: Record<string, string> }>({ env: true })
    return env['NOTIFY_SOCKET'] as string
  }

  /** A process that is no descendant of the guard, but knows its socket. */
  async stranger(): Promise<Sender> {
    return Sender.started(Program.run('python3', [fixture], { NOTIFY_SOCKET: await this.socket() }))
  }

  tell(request: object): void {
    this.program.tell(JSON.stringify(request))
  }
}

interface Service extends Sender {
  region: string
}

/** A guard whose command is a service of ours. */
async function service(flags: string[] = never, wrapper: string[] = [], inner: string[] = []): Promise<Service> {
  const region = uniqueRegion()
  const args = ['--region', region, '--notify', ...flags, '--', ...inner, 'python3', fixture]
  const [command, ...rest] = [...wrapper, guardPath(), ...args] as [string, ...string[]]
  return Object.assign(await Sender.started(Program.run(command, rest)), { region })
}

/** What startup, liveness and readiness say. */
async function answers(region: string): Promise<string> {
  const all = await Promise.all(checks.map((check) => probe(['--region', region, '--check', check])))
  return all.map(wordOf).join(' ')
}

const refusals = (stderr: string) => stderr.split('\n').filter((line) => line.includes('refused: '))

/** The process that the only child of `pid` is; the guard's, behind unshare --fork. */
const childOf = (pid: number) => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])

describe('the environment of a command under --notify', () => {
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

describe('a service', () => {
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
    const { region, say } = bound(await service())
    expect(await say('READY=1')).toMatchObject({ heard: true })
    expect(await answers(region)).toBe('pass pass pass')
    expect(only(region)).toMatchObject({ phase: null, ready: true, beats: 1 })
  })

  it('beats with each WATCHDOG=1', async () => {
    const { region, say } = bound(await service())
    await say('READY=1')
    await say('WATCHDOG=1', { times: 5 })
    expect(only(region)).toMatchObject({ beats: 6 })
  })

  it('that pings its watchdog before it is ready is still starting, as systemd has it', async () => {
    const { region, say } = bound(await service())
    await say('WATCHDOG=1')
    expect(await answers(region)).toBe('starting pass starting')
    expect(only(region)).toMatchObject({ beats: 0 })
  })

  it('that beats in our words before it is ready has started', async () => {
    const { region, say } = bound(await service())
    await say('WATCHDOG=1\nX_SHM_LIVENESS_BEAT=1')
    expect(await answers(region)).toBe('pass pass not-ready')
  })

  it('is not ready from RELOADING=1 to the next READY=1', async () => {
    const { region, say } = bound(await service())
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
    const { region, say } = bound(await service())
    await say('READY=1')
    await say('STOPPING=1')
    expect(await answers(region)).toBe('pass pass not-ready')
    expect(only(region)).toMatchObject({ phase: 'stopping', limitMs: 90_000 })
  })

  it('says in STATUS what --json shows, and what readiness does while it is not ready', async () => {
    const { region, say } = bound(await service())
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
    const { region, say } = bound(await service())
    await say('READY=1\nSTATUS=serving')
    await say('STATUS=serving 3 clients')
    expect(only(region)).toMatchObject({ ready: true })
  })

  it('may say everything in one datagram', async () => {
    const { region, say } = bound(await service())
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
    const result = await guard(['--region', region, '--notify', '--', 'python3', '-c', script])
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(only(region)).toMatchObject({ state: 'stopped', beats: 1 })
  })
})

/** Methods that can be taken off the object. */
function bound(of: Service) {
  return { region: of.region, program: of.program, say: (text: string | Buffer, raw?: Raw) => of.say(text, raw) }
}

describe('the watch of a service', () => {
  const quick = ['--interval', '5ms', '--grace', '1s']

  it('ends one that misses its WATCHDOG', async () => {
    const { program, say } = bound(await service(['--max-age', '400ms', ...quick]))
    await say('READY=1')
    const quiet = performance.now()
    expect(await program.ended).toEqual({ code: 120, signal: null })
    const took = performance.now() - quiet
    expect(took).toBeGreaterThan(350)
    expect(took).toBeLessThan(4_000)
    expect(program.stderr).toMatch(/^shm-guard: stalled: main last beat 4\d\d(\.\d+)?ms ago \(limit 400ms\), pid \d+ /m)
  })

  it('leaves one alone that says WATCHDOG=1 in time', async () => {
    const { program, region, say } = bound(await service(['--max-age', '600ms', ...quick]))
    await say('READY=1')
    for (const end = performance.now() + 1_500; performance.now() < end; ) {
      await say('WATCHDOG=1')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(only(region)).toMatchObject({ state: 'running' })
    expect(program.stderr).toBe('')
  })

  it('ends one that never says READY=1, after --startup-grace', async () => {
    const { program } = await service(['--max-age', '1h', '--startup-grace', '2s', ...quick])
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(program.stderr).toMatch(/stalled: main no beat since its claim \S+ ago \(limit 2s\) in phase "starting"/)
  })

  it('waits as long as EXTEND_TIMEOUT_USEC says', async () => {
    const { program, region, say } = bound(await service([...never, '--startup-grace', '2s', ...quick]))
    await say('EXTEND_TIMEOUT_USEC=60000000')
    expect(only(region)).toMatchObject({ phase: 'starting', limitMs: 60_000 })
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(only(region)).toMatchObject({ state: 'starting' })
    await say('EXTEND_TIMEOUT_USEC=1000')
    expect(only(region), 'only to a later end').toMatchObject({ limitMs: 60_000 })
    expect(program.stderr).toBe('')
  })

  it('does not extend what has no end', async () => {
    const { region, say } = bound(await service())
    await say('READY=1')
    await say('EXTEND_TIMEOUT_USEC=60000000')
    expect(only(region)).toMatchObject({ phase: null, limitMs: 3_600_000 })
  })

  it('ends one at once that says WATCHDOG=trigger', async () => {
    const { program, say } = bound(await service([...never, ...quick]))
    await say('READY=1')
    const said = performance.now()
    await say('WATCHDOG=trigger', { barrier: false })
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(performance.now() - said).toBeLessThan(2_000)
    expect(program.stderr).toMatch(/stalled: main last beat \S+ ago \(limit 1ns\) in phase "WATCHDOG=trigger"/)
  })

  it('goes by a WATCHDOG_USEC that comes at run time', async () => {
    const { program, region, say } = bound(await service([...never, ...quick]))
    await say('READY=1')
    await say('WATCHDOG_USEC=20000000')
    expect(only(region)).toMatchObject({ maxAgeMs: 20_000, state: 'running' })
    await say('WATCHDOG_USEC=300000', { barrier: false })
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(program.stderr).toMatch(/\(limit 300ms\)/)
  })

  it('starts with a WATCHDOG_USEC where no --max-age asked for one', async () => {
    const { program, say } = bound(await service(quick))
    await say('READY=1\nWATCHDOG_USEC=300000', { barrier: false })
    expect(await program.ended).toEqual({ code: 120, signal: null })
  })

  it('ends with WATCHDOG_USEC=0', async () => {
    const { region, say } = bound(await service(['--max-age', '700ms', ...quick]))
    await say('READY=1\nWATCHDOG_USEC=0')
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect(only(region)).toMatchObject({ state: 'running' })
  })

  it('knows no stall without --max-age', async () => {
    const { program, region, say } = bound(await service(quick))
    await say('READY=1')
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(await answers(region)).toBe('pass pass pass')
    expect(only(region).maxAgeMs).toBeGreaterThan(365 * 24 * 3_600_000)
    expect(program.stderr).toBe('')
  })
})

describe('systemd-notify', () => {
  // Not skipped: without the real counterpart nothing here says that the protocol is systemd's.
  const missing = spawnSync('systemd-notify', ['--version']).error
  const needs = () => {
    if (missing) throw new Error(`these tests need systemd-notify (Debian package systemd): ${missing.message}`)
  }

  /** A shell script that notifies by systemd-notify, then says `told` and waits for a line. */
  async function script(lines: string, flags: string[] = never): Promise<{ region: string; program: Program }> {
    needs()
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

  it('is answered at once, each time, and so does not wait for its five seconds', async () => {
    needs()
    const lines = 'for i in 1 2 3; do systemd-notify --ready --status="round $i" || exit 9; done'
    const result = await guard(['--region', uniqueRegion(), '--notify', '--', 'sh', '-c', lines])
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(result.ms).toBeLessThan(4_000)
  })

  it('--status says it in words', async () => {
    const { region } = await script("systemd-notify --status='10 % of the maps: ü'")
    const { stdout } = await probe(['--region', region, '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ workers: [{ status: expect.stringContaining('10 % of the maps') }] })
  })

  it('WATCHDOG=1 beats', async () => {
    const { region } = await script('systemd-notify --ready; systemd-notify WATCHDOG=1; systemd-notify WATCHDOG=1')
    expect(only(region)).toMatchObject({ beats: 3 })
  })

  it('WATCHDOG=trigger ends the command', async () => {
    needs()
    const result = await guard([
      ...['--region', uniqueRegion(), '--notify', ...never, '--grace', '1s', '--'],
      ...['sh', '-c', 'systemd-notify --ready; systemd-notify WATCHDOG=trigger; exec sleep 30'],
    ])
    expect(result).toMatchObject({ code: 120, stderr: expect.stringContaining('in phase "WATCHDOG=trigger"') })
    expect(result.ms).toBeLessThan(5_000)
  })

  it('WATCHDOG_USEC=, EXTEND_TIMEOUT_USEC=, RELOADING= and STOPPING= mean what they mean to systemd', async () => {
    const lines = [
      'systemd-notify EXTEND_TIMEOUT_USEC=120000000; echo extended; read line',
      'systemd-notify --ready WATCHDOG_USEC=5000000; echo ready; read line',
      'systemd-notify RELOADING=1; echo reloading; read line',
      'systemd-notify --ready; echo reloaded; read line',
      'systemd-notify STOPPING=1',
    ]
    needs()
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

describe('a datagram', () => {
  it.each([
    ['with a NUL at its end, as some libraries send it', 'READY=1\0'],
    ['with a line end at its end', 'READY=1\n'],
    ['with empty lines', '\n\nREADY=1\n\n'],
    ['with variables that are others’ business', 'FDSTORE=1\nMAINPID=1\nREADY=1\nX_MINE=2\nERRNO=2\nREADY=no'],
    ['of 4,096 bytes', `READY=1\nX=${'x'.repeat(4_086)}`],
  ])('%s is heard', async (_, text) => {
    const { region, program, say } = bound(await service())
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
    ['with an unknown WATCHDOG', 'READY=1\nWATCHDOG=2', 'WATCHDOG is neither 1 nor trigger'],
    ['with a WATCHDOG_USEC in words', 'READY=1\nWATCHDOG_USEC=5s', 'WATCHDOG_USEC is no number of microseconds'],
    ['with a negative WATCHDOG_USEC', 'READY=1\nWATCHDOG_USEC=-1', 'WATCHDOG_USEC is no number of microseconds'],
    [
      'with an EXTEND_TIMEOUT_USEC in words',
      'READY=1\nEXTEND_TIMEOUT_USEC=',
      'EXTEND_TIMEOUT_USEC is no number of microseconds',
    ],
    ['with a phase without a budget', 'READY=1\nX_SHM_LIVENESS_PHASE=load', 'a phase has no budget'],
    [
      'with a phase without a name',
      'READY=1\nX_SHM_LIVENESS_PHASE=\nX_SHM_LIVENESS_BUDGET_USEC=1',
      'a phase has no name',
    ],
  ])('%s is refused as a whole, with a line that says why', async (_, text, why) => {
    const refused = await service()
    const { pid } = await refused.ask<{ pid: number }>({ env: true })
    await refused.say(text)
    const line = `shm-guard: notification of pid ${pid} refused: ${why}\n`
    expect(
      await eventually(
        () => refused.program.stderr,
        (said) => said !== '',
      ),
    ).toBe(line)
    expect(only(refused.region)).toMatchObject({ ready: false, phase: 'starting', beats: 0 })
    await refused.say('READY=1')
    expect(only(refused.region)).toMatchObject({ ready: true })
  })

  it.each([
    ['without a =', 'hello\nREADY=1'],
    ['with a nameless variable', '=1\nREADY=1\n'],
  ])('with a line %s is heard without it, as systemd has it', async (_, text) => {
    const { region, say } = bound(await service())
    await say(text)
    expect(only(region)).toMatchObject({ ready: true })
  })

  it('with the longest time is a year, and not no time', async () => {
    const { region, say } = bound(await service())
    await say('READY=1\nWATCHDOG_USEC=18446744073709551615')
    expect(only(region).maxAgeMs).toBeGreaterThan(364 * 24 * 3_600_000)
    expect(await answers(region)).toBe('pass pass pass')
  })

  it('with 253 file descriptors is heard, and leaves none open', async () => {
    const { region, program, say } = bound(await service())
    const open = () => readdirSync(`/proc/${program.pid}/fd`).length
    const before = open()
    expect(await say('READY=1', { fds: 253, times: 3 })).toMatchObject({ heard: true })
    expect(open()).toBe(before)
    expect(only(region)).toMatchObject({ ready: true, beats: 3 })
  })

  it('that is refused leaves none of its file descriptors open', async () => {
    const notified = await service()
    const stranger = await notified.stranger()
    const open = () => readdirSync(`/proc/${notified.program.pid}/fd`).length
    const before = open()
    await notified.say(`X=${'x'.repeat(5_000)}`, { fds: 253 })
    await notified.say('nonsense', { fds: 253 })
    expect(await stranger.say('READY=1', { fds: 253 })).toMatchObject({ heard: true })
    expect(open()).toBe(before)
    expect(refusals(notified.program.stderr).length).toBeGreaterThanOrEqual(3)
  })

  it('of a hundred thousand fills neither the log nor the memory, and the next is heard', async () => {
    const { region, program, say } = bound(await service())
    const resident = () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))?.[1])
    await say('nonsense')
    const before = resident()
    await say('nonsense', { times: 100_000 })
    expect(await say('READY=1')).toMatchObject({ heard: true })
    expect(only(region)).toMatchObject({ ready: true })
    expect(resident() - before).toBeLessThan(512)
    const lines = refusals(program.stderr)
    expect(lines.length).toBeGreaterThan(8)
    expect(lines.length).toBeLessThan(40)
    expect(lines.at(-1)).toMatch(/\(65536 refused so far\)$/)
  })

  it('after another, without end, does not hide a stall from the watch', async () => {
    const flooding = await service([...never, '--startup-grace', '800ms', '--interval', '5ms', '--grace', '1s'])
    flooding.tell({ bytes: Buffer.from('nonsense').toString('base64'), times: 100_000_000 })
    expect(await flooding.program.ended).toEqual({ code: 120, signal: null })
    // The guard's own time, in which a starved guard is late: what counts is that the flood did not starve it.
    const age = /no beat since its claim (\S+?)(ms|s) ago/.exec(flooding.program.stderr)
    expect(Number(age?.[1]) * (age?.[2] === 's' ? 1_000 : 1)).toBeLessThan(2_500)
  })
})

describe('a sender', () => {
  it('that is a grandchild of the guard is heard', async () => {
    const { region, say } = bound(await service(never, [], ['sh', '-c', '"$@"; exit $?', 'sh']))
    await say('READY=1')
    expect(only(region)).toMatchObject({ ready: true })
  })

  it('that is no descendant of the guard is refused, and its barrier answered all the same', async () => {
    const notified = await service()
    const stranger = await notified.stranger()
    const sent = await stranger.say('READY=1')
    expect(sent.heard).toBe(true)
    expect(sent.ms).toBeLessThan(4_000)
    const [line] = await eventually(
      () => refusals(notified.program.stderr),
      (lines) => lines.length !== 0,
    )
    expect(line).toBe(
      `shm-guard: notification of pid ${stranger.program.pid} refused: its sender is no descendant of the guard, or had gone before anybody could tell`,
    )
    expect(only(notified.region)).toMatchObject({ ready: false, beats: 0 })
  })

  it('that is no descendant cannot trigger the watchdog', async () => {
    const notified = await service()
    await notified.say('READY=1')
    const stranger = await notified.stranger()
    await stranger.say('WATCHDOG=trigger')
    await stranger.say('WATCHDOG_USEC=1')
    expect(await answers(notified.region)).toBe('pass pass pass')
  })

  it('of the guard’s that has gone before the guard looked is refused', async () => {
    const notified = await service()
    process.kill(notified.program.pid, 'SIGSTOP')
    await notified.ask({ child: Buffer.from('READY=1').toString('base64') })
    process.kill(notified.program.pid, 'SIGCONT')
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ ready: false })
    expect(refusals(notified.program.stderr)).toEqual([expect.stringContaining('had gone before anybody could tell')])
  })
})

describe('across PID namespaces', () => {
  const unshared = ['unshare', '--pid', '--mount', '--fork', '--kill-child', '--mount-proc']
  const needs = () => {
    const why = whyNoContainers()
    if (why !== undefined) throw new Error(why)
  }

  it('a descendant of the guard in a namespace of its own is heard', async () => {
    needs()
    const { region, say } = bound(await service(never, [], ['unshare', '--pid', '--fork', '--kill-child']))
    await say('READY=1')
    expect(only(region)).toMatchObject({ ready: true })
  })

  it('a sender that the guard’s namespace does not show is refused', async () => {
    needs()
    const notified = await service(never, unshared)
    const stranger = await notified.stranger()
    expect(await stranger.say('READY=1')).toMatchObject({ heard: true })
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ ready: false, beats: 0 })
    expect(refusals(notified.program.stderr)[0]).toMatch(/notification of pid 0 refused: /)
  })

  it('a guard that is PID 1 hears a sender of its namespace that has gone', async () => {
    needs()
    const notified = await service(never, unshared)
    const pid = childOf(notified.program.pid)
    process.kill(pid, 'SIGSTOP')
    await notified.ask({ child: Buffer.from('READY=1').toString('base64') })
    process.kill(pid, 'SIGCONT')
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ ready: true })
    expect(notified.program.stderr).toBe('')
  })

  it('what was exec’d into the container of such a guard is refused', async () => {
    needs()
    const notified = await service(never, unshared)
    const inside = ['--target', String(childOf(notified.program.pid)), '--pid', '--mount', '--']
    const env = { NOTIFY_SOCKET: await notified.socket() }
    const stranger = await Sender.started(Program.run('nsenter', [...inside, 'python3', fixture], env))
    await stranger.say('READY=1')
    await notified.say('WATCHDOG=1')
    expect(only(notified.region)).toMatchObject({ ready: false, beats: 0 })
    expect(refusals(notified.program.stderr)[0]).toMatch(/notification of pid [1-9]\d* refused: /)
  })
})

describe('a region of a service', () => {
  it('is found stopped after the service has ended well, and dead after it has not', async () => {
    const well = await guard(['--region', uniqueRegion(), '--notify', '--', 'true'])
    expect(well.code).toBe(0)
    const region = uniqueRegion()
    await guard(['--region', region, '--notify', '--', 'sh', '-c', 'exit 3'])
    expect(Region.open(region).workers()).toMatchObject([{ name: 'main', state: 'dead' }])
  })
})
