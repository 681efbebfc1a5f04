import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { only } from '../support/held.js'
import { answers } from '../support/notified.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'

const folder = mkdtempSync(join(tmpdir(), 'notify-command-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const listenerFixture = join(import.meta.dirname, '../fixtures/guard_listener.py')
/** What --beat sends. */
const beat = 'WATCHDOG=1\nX_SHM_LIVENESS_BEAT=1\n'
const help = /^usage: shm-guard notify FLAGS\n/

/** `shm-guard notify` by itself, with this NOTIFY_SOCKET. */
const notify = (args: string[], socket?: string) =>
  guard(['notify', ...args], socket === undefined ? {} : { env: { NOTIFY_SOCKET: socket } })

async function listener(socket: string, how: 'closes' | 'keeps' | 'full'): Promise<Program> {
  const program = Program.run(python[0], [...python.slice(1), listenerFixture, socket, how])
  await program.said('up')
  return program
}

let made = 0
const abstract = () => `@shm-liveness-test-${process.pid}-${randomBytes(4).toString('hex')}`
const inFolder = () => join(folder, `socket-${++made}`)

/**
 * A guard with a shell script that writes `told` after each of its lines, and goes on when it is asked to. `notify` in it
 * is `shm-guard notify`.
 */
async function script(lines: string[], flags = ['--max-age', '1h']): Promise<{ region: string; program: Program }> {
  const region = uniqueRegion()
  const steps = lines.map((line) => `${line}; echo "told $?"; read go`)
  const whole = ['notify() { "$GUARD" notify "$@"; }', ...steps].join('\n')
  const args = ['--region', region, '--notify', ...flags, '--', 'sh', '-c', whole]
  const program = Program.run(guardPath(), args, { GUARD: guardPath() })
  expect(await program.said('told')).toBe('0')
  return { region, program }
}

async function next(program: Program): Promise<void> {
  program.tell('')
  expect(await program.said('told')).toBe('0')
}

describe.concurrent('shm-guard notify', () => {
  it('--ready makes the script ready', async () => {
    const { region } = await script(['notify --ready'])
    expect(await answers(region)).toBe('pass pass pass')
    expect(only(region)).toMatchObject({ ready: true, phase: null, beats: 1 })
  })

  it('--not-ready takes it back, with a --status that says why', async () => {
    const { region, program } = await script(['notify --ready', 'notify --not-ready --status draining'])
    await next(program)
    expect(await answers(region)).toBe('pass pass not-ready')
    expect((await probe(['--region', region, '--check', 'readiness'])).stdout).toContain('(draining)')
  })

  it('--beat is one beat', async () => {
    const { region, program } = await script(['notify --beat', 'notify --beat; notify --beat'])
    expect(only(region)).toMatchObject({ beats: 1, phase: null })
    await next(program)
    expect(only(region)).toMatchObject({ beats: 3 })
  })

  it('--phase and --budget begin a phase that the probe sees, --end-phase ends it', async () => {
    const { region, program } = await script([
      'notify --ready',
      'notify --phase "load the model" --budget 90s',
      'notify --end-phase',
    ])
    await next(program)
    const { stdout } = await probe(['--region', region, '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      workers: [{ phase: 'load the model', limitNs: 90_000_000_000, ready: true }],
    })
    await next(program)
    expect(only(region)).toMatchObject({ phase: null, limitMs: 3_600_000 })
  })

  it('--stopping makes it unready', async () => {
    const { region, program } = await script(['notify --ready', 'notify --stopping'])
    await next(program)
    expect(await answers(region)).toBe('pass pass not-ready')
    expect(only(region)).toMatchObject({ phase: 'stopping' })
  })

  it('takes several flags at once', async () => {
    const { region } = await script(['notify --ready --status warm --phase calibrate --budget 90000500us'])
    expect(only(region)).toMatchObject({ phase: 'calibrate', limitMs: 90_000.5, ready: true })
  })

  it('says them in the protocol of systemd, with a barrier behind', async () => {
    const socket = abstract()
    const heard = await listener(socket, 'closes')
    const flags = ['--ready', '--not-ready', '--beat', '--phase', 'a=b', '--budget', '2m', '--end-phase']
    expect(await notify([...flags, '--status', 'x y', '--stopping'], socket)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
    expect(JSON.parse(await heard.said(''))).toBe(
      [
        ...['READY=1', 'X_SHM_LIVENESS_READY=0', 'WATCHDOG=1', 'X_SHM_LIVENESS_BEAT=1', 'X_SHM_LIVENESS_PHASE=a=b'],
        ...['X_SHM_LIVENESS_BUDGET_USEC=120000000', 'X_SHM_LIVENESS_END_PHASE=1', 'STATUS=x y', 'STOPPING=1', ''],
      ].join('\n'),
    )
    expect(JSON.parse(await heard.said(''))).toBe('BARRIER=1')
  })

  it.each([
    ['quotes, backslashes and braces', `"a" 'b' \\n {c}`, `"a" 'b' \\n {c}`],
    ['letters beyond ASCII', 'größer', expect.stringMatching(/^gr.+er$/)],
    ['a control character', 'red \x1b[31m alert', expect.stringMatching(/^red [ -~]+ alert$/)],
    ['a tab', 'a\tb', expect.stringMatching(/^a[ -~]+b$/)],
    ['more than 55 bytes', 'x'.repeat(500), 'x'.repeat(55)],
    ['an = and variables’ names', 'READY=0 WATCHDOG=trigger', 'READY=0 WATCHDOG=trigger'],
  ])('--status may hold %s', async (_, text, shown) => {
    const region = uniqueRegion()
    const args = [
      '--region',
      region,
      '--notify',
      '--',
      'sh',
      '-c',
      '"$GUARD" notify --status "$TEXT"; echo up; read go',
    ]
    const program = Program.run(guardPath(), args, { GUARD: guardPath(), TEXT: text })
    await program.said('up')
    expect(program.stderr).toBe('')
    const { stdout } = await probe(['--region', region, '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ workers: [{ status: shown }] })
    expect(only(region).status).toEqual(shown)
  })

  it('--status of bytes that are not text is heard', async () => {
    const region = uniqueRegion()
    const lines = `"$GUARD" notify --status "$(printf 'a\\377\\376b')"; echo "told $?"; read go`
    const args = ['--region', region, '--notify', '--', 'sh', '-c', lines]
    const program = Program.run(guardPath(), args, { GUARD: guardPath() })
    expect(await program.said('told')).toBe('0')
    const { stdout } = await probe(['--region', region, '--json'])
    expect(JSON.parse(stdout).workers[0].status).toMatch(/^a[ -~]+b$/)
  })

  it('makes a shell loop a worker: alive while it beats, ended when it hangs', async () => {
    const region = uniqueRegion()
    const lines = [
      '"$GUARD" notify --ready',
      // Longer than the max age, and with beats far more often, also on a busy machine.
      'for i in 1 2 3 4 5 6 7 8 9; do sleep 0.25; "$GUARD" notify --beat; done',
      'echo hangs; sleep infinity',
    ]
    const result = await guard(
      ['--region', region, '--notify', '--max-age', '2s', '--grace', '1s', '--', 'sh', '-c', lines.join('\n')],
      { env: { GUARD: guardPath() } },
    )
    expect(result).toMatchObject({ code: 120, stdout: 'hangs\n' })
    expect(result.stderr).toMatch(/stalled: main last beat \S+ ago \(limit 2s\)/)
    expect(only(region)).toMatchObject({ beats: 10 })
  })
})

describe.concurrent('shm-guard notify exits', () => {
  it('0 when it was heard, by an abstract socket or one in a folder', async () => {
    await Promise.all(
      [abstract(), inFolder()].map(async (socket) => {
        const heard = await listener(socket, 'closes')
        expect(await notify(['--beat'], socket)).toMatchObject({ code: 0, stdout: '', stderr: '' })
        expect(JSON.parse(await heard.said(''))).toBe(beat)
      }),
    )
  })

  it('0 after its help', async () => {
    const shown = await notify(['--ready', '--help'])
    expect(shown).toMatchObject({ code: 0, stderr: '' })
    expect(shown.stdout).toMatch(help)
    for (const line of shown.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })

  it('1 when the listener reads, but does not answer within five seconds', async () => {
    const socket = inFolder()
    const heard = await listener(socket, 'keeps')
    const result = await notify(['--beat'], socket)
    expect(result).toMatchObject({ code: 1, stdout: '', stderr: 'shm-guard: notify: not heard within 5s\n' })
    expect(JSON.parse(await heard.said(''))).toBe(beat)
    expect(result.ms).toBeGreaterThan(4_900)
  })

  it('1 when the queue has no room for five seconds', async () => {
    const socket = abstract()
    await listener(socket, 'full')
    const result = await notify(['--beat'], socket)
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toMatch(/^shm-guard: notify: .+\n$/)
    expect(result.stderr).not.toContain('processes')
    expect(result.ms).toBeGreaterThan(4_900)
  })

  const misuses: [args: string[], why: string][] = [
    [[], 'nothing to say; see --help'],
    [['ready'], 'unknown argument ready'],
    [['--rady'], 'unknown argument --rady'],
    [['--ready=1'], 'unknown argument --ready=1'],
    [['--status'], 'needs a value of one line: --status'],
    [['--status', ''], 'needs a value of one line: --status'],
    [['--status', 'a\nREADY=1'], 'needs a value of one line: --status'],
    [['--phase', 'a\nb', '--budget', '1s'], 'needs a value of one line: --phase'],
    [['--phase', 'load'], '--phase and --budget come together'],
    [['--budget', '1s'], '--phase and --budget come together'],
    [['--phase', 'load', '--budget', 'soon'], '--budget is no duration (say 30s): soon'],
    [['--phase', 'load', '--budget', '0'], '--budget is no duration (say 30s): 0'],
    [['--phase', 'load', '--budget', '-1s'], '--budget is no duration (say 30s): -1s'],
    [['--phase', 'x'.repeat(64), '--budget', '1s'], `a phase has up to 63 bytes, not ${'x'.repeat(64)}`],
    [['--status', 'x'.repeat(4_090)], 'longer than 4096 bytes'],
  ]

  it('2 for what it cannot say, and sends nothing then', async () => {
    const socket = abstract()
    const heard = await listener(socket, 'closes')
    const results = await Promise.all(misuses.map(([args]) => notify(args, socket)))
    expect(results).toMatchObject(
      misuses.map(([, why]) => ({ code: 2, stdout: '', stderr: `shm-guard: notify: ${why}\n` })),
    )
    await notify(['--beat'], socket)
    expect(JSON.parse(await heard.said('')), 'nothing was sent before').toBe(beat)
  })

  it.each([
    ['without a NOTIFY_SOCKET', undefined, 'NOTIFY_SOCKET is not set; run under shm-guard --notify'],
    ['with an empty one', '', 'NOTIFY_SOCKET is not set; run under shm-guard --notify'],
    [
      'where it is not there',
      join(folder, 'nobody'),
      `nobody behind NOTIFY_SOCKET ${join(folder, 'nobody')}: no such file or directory`,
    ],
    ['where it is a folder', folder, `nobody behind NOTIFY_SOCKET ${folder}: connection refused`],
    [
      'where nobody listens',
      '@shm-liveness-test-nobody',
      'nobody behind NOTIFY_SOCKET @shm-liveness-test-nobody: connection refused',
    ],
    [
      'where it is too long for a socket',
      `/${'x'.repeat(120)}`,
      expect.stringContaining('nobody behind NOTIFY_SOCKET'),
    ],
  ])('3 %s', async (_, socket, why) => {
    const result = await notify(['--ready'], socket)
    expect(result).toMatchObject({ code: 3, stdout: '' })
    const line = /^shm-guard: notify: (.*)\n$/.exec(result.stderr)
    expect(line?.[1]).toEqual(why)
  })
})
