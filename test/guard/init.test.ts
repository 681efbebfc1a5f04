import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { guardPath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { type GuardOptions, guard, startGuard as startUnmarked } from '../support/guard.js'
import { marked } from '../support/left-behind.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'

const fixtures = join(import.meta.dirname, '../fixtures')
const hears = join(fixtures, 'guard-hears.py')
const orphans = join(fixtures, 'guard-orphans.py')
const terminal = join(fixtures, 'guard-terminal.py')
const workerProgram = join(import.meta.dirname, '../../dist-programs/test/fixtures/guard-worker.js')
const worker = (region: string, maxAge: string, ...steps: string[]) => [
  ...[process.execPath, workerProgram, region, 'grabber', maxAge],
  ...steps,
]

const folder = mkdtempSync(join(tmpdir(), 'guard-init-'))
afterAll(() => rmSync(folder, { recursive: true }))

const startGuard = (args: string[]) => startUnmarked(args, marked)

const inPidNamespace = ['unshare', '--pid', '--fork', '--mount-proc']
const withoutProc = ['unshare', '--mount', '--pid', '--fork', 'sh', '-c', 'umount --lazy /proc && exec "$@"', 'sh']

const shell = (line: string, options: GuardOptions = {}, flags: string[] = []) =>
  guard([...flags, '--', 'sh', '-c', line], options)

/** A file of these bytes and this mode. */
function file(name: string, mode: number, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, mode) // writeFileSync's own is cut by the umask
  return path
}

/** The states of the children of a process: `S`, `Z` … */
function statesOfChildren(parent: number): string[] {
  const stats = readdirSync('/proc').flatMap((entry) => {
    try {
      return /^\d+$/.test(entry) ? [readFileSync(`/proc/${entry}/stat`, 'latin1')] : []
    } catch {
      return [] // gone, or going
    }
  })
  const fields = stats.map((stat) => stat.slice(stat.lastIndexOf(')') + 2).split(' '))
  return fields.filter((field) => Number(field[1]) === parent).map((field) => field[0] as string)
}

/** All that a guard with these arguments has heard by now, as its command says it: `command 15`. */
const heard = (program: Program, line: string) =>
  eventually(
    () => program.lines,
    (lines) => lines.includes(line),
  )

describe('the exit code of the command', () => {
  it('passes through, whichever of the 256 it is', async () => {
    const codes = Array.from({ length: 256 }, (_, code) => code)
    const line = 'for code; do "$GUARD" -- sh -c "exit $code"; echo $?; done'
    const eighths = Array.from({ length: 8 }, (_, i) => codes.slice(32 * i, 32 * (i + 1)).map(String))
    const runs = await Promise.all(
      eighths.map(async (some) => {
        const program = Program.run('sh', ['-c', line, 'sh', ...some], { GUARD: guardPath() })
        await program.ended
        return program.lines.map(Number)
      }),
    )
    const found = runs.flat()
    expect(found).toEqual(codes)
  })

  it('is 128+n for a command that signal n killed', async () => {
    const survived = ['SIGCHLD', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGWINCH']
    const fatal = Object.entries(constants.signals).filter(([name]) => !survived.includes(name))
    const numbers = [...new Set(fatal.map(([, number]) => number as number))].concat(34, 64)
    expect(numbers.length).toBeGreaterThan(22)
    const ends = await Promise.all(numbers.map((number) => shell(`ulimit -c 0; kill -${number} $$; sleep 5`)))
    expect(ends.map(({ code }) => code)).toEqual(numbers.map((number) => 128 + number))
    expect(ends.map(({ stderr }) => stderr).join('')).toBe('')
  })

  it('is its own also where others of its children fail', async () => {
    expect(await shell('(exit 4); (kill -9 $(exec sh -c "echo \\$PPID")); exit 6')).toMatchObject({ code: 6 })
  })

  it('is what a command that dies during start-up says, before any worker is missed', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--expect', 'grabber', '--startup-grace', '30s']
    expect(await shell('exit 5', {}, flags)).toMatchObject({ code: 5, stderr: '' })
    expect(await shell('kill -9 $$', {}, flags)).toMatchObject({ code: 137, stderr: '' })
  })
})

describe('a parent that ignores SIGCHLD', () => {
  it('does not keep the guard from hearing of the end', async () => {
    const found = await guard(['--', 'sh', '-c', 'exit 9'], {
      wrapper: ['env', '--ignore-signal=CHLD'],
      timeoutMs: 5_000,
    })
    expect(found).toMatchObject({ code: 9 })
  })
})

describe('a signal', () => {
  // Those that tini forwards, too: all that can be caught, but for a fault of the guard's own and the terminal's two.
  const own = [4, 5, 6, 7, 8, 11, 17, 21, 22, 31]
  const forwarded = Array.from({ length: 31 }, (_, i) => i + 1).filter((n) => n !== 9 && n !== 19 && !own.includes(n))
  const all = [...forwarded, 34, 50, 64]

  it('is forwarded to the command and not to its children, whichever it is', async () => {
    const line = `python3 -S ${hears} child & exec python3 -S ${hears} command`
    const program = startGuard(['--', 'sh', '-c', line])
    await heard(program, 'child is up')
    expect(await heard(program, 'command is up')).toEqual(expect.arrayContaining(['child is up', 'command is up']))
    for (const number of all) {
      process.kill(program.pid, number)
      await heard(program, `command ${number}`)
    }
    const lines = program.lines.filter((said) => !said.endsWith('is up'))
    expect(lines).toEqual(all.map((number) => `command ${number}`))
  })

  it('is forwarded to the whole group of a step', async () => {
    const line = `python3 -S ${hears} child & exec python3 -S ${hears} command 0`
    const path = file('steps.json', 0o644, JSON.stringify({ steps: [{ name: 'hear', shell: line }] }))
    const program = startGuard(['--region', uniqueRegion(), '--steps', path])
    await heard(program, 'child is up')
    await heard(program, 'command is up')
    for (const number of [1, 10, 28, 15]) {
      process.kill(program.pid, number)
      expect(await heard(program, `command ${number}`)).toContain(`command ${number}`)
      expect(await heard(program, `child ${number}`)).toContain(`child ${number}`)
    }
    await program.kill()
  })

  it('that the command ignores leaves it running, as often as it comes', async () => {
    const program = startGuard(['--', 'sh', '-c', 'trap "" TERM HUP; echo up; sleep 0.6; exit 9'])
    await program.said('up')
    for (const signal of ['SIGHUP', 'SIGTERM', 'SIGTERM'] as const) process.kill(program.pid, signal)
    expect(await program.ended).toEqual({ code: 9, signal: null })
  })

  it('is not lost in a storm of thousands, and the storm kills nobody', async () => {
    const program = startGuard(['--', 'python3', '-S', hears, 'command', '7'])
    await heard(program, 'command is up')
    const numbers = [1, 10, 15, 28]
    for (let i = 0; i < 5000; i++) process.kill(program.pid, numbers[i % numbers.length] as number)
    // Signals of one kind melt into one, so what counts is that each is heard, and heard again once the storm is over.
    for (const number of numbers) await heard(program, `command ${number}`)
    await sleep(300)
    for (const number of numbers) expect(program.lines).toContain(`command ${number}`)
    program.lines.length = 0
    for (const number of numbers) process.kill(program.pid, number)
    for (const number of numbers) expect(await heard(program, `command ${number}`)).toContain(`command ${number}`)
    process.kill(program.pid, 'SIGUSR2')
    expect(await program.ended).toEqual({ code: 7, signal: null })
  })

  it('that stops the command leaves it stopped until SIGCONT comes', async () => {
    const program = startGuard(['--', 'sh', '-c', 'echo up $$; kill -STOP $$; echo on; exit 3'])
    const pid = await program.said('up')
    const state = () => statesOfChildren(program.pid)[0]
    expect(await eventually(state, (now) => now === 'T')).toBe('T')
    expect(Number(pid)).toBeGreaterThan(0)
    process.kill(program.pid, 'SIGCONT')
    await program.said('on')
    expect(await program.ended).toEqual({ code: 3, signal: null })
  })

  it('ends a guard whose command is told to stop with what the command makes of it', async () => {
    const ends = async (line: string, flags: string[] = []) => {
      const program = startGuard([...flags, '--', 'sh', '-c', line])
      await program.said('up')
      process.kill(program.pid, 'SIGTERM')
      return (await program.ended).code
    }
    const polite = 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done'
    expect(await ends('echo up; exec sleep 20')).toBe(143)
    expect(await ends(polite)).toBe(0)
    expect(await ends(polite, ['--build'])).toBe(143)
    expect(await ends(polite.replace('exit 0', 'exit 4'), ['--build'])).toBe(4)
  })
})

describe('ten thousand orphans at once', () => {
  it('are reaped to the last', async () => {
    const program = startGuard(['--', 'sh', '-c', `python3 -S ${orphans} 10000; echo made; exec sleep 20`])
    await program.said('made')
    const states = await eventually(
      () => statesOfChildren(program.pid),
      (left) => left.length === 1,
    )
    expect(states).toEqual(['S'])
  })

  it('do not delay the watch: a worker that stalls in the same moment is found in time', async () => {
    const region = uniqueRegion()
    const line = `"$@" & worker=$!; python3 -S ${orphans} 10000 $worker; exec sleep 20`
    const steps = worker(region, '300ms', 'beat-until:SIGUSR1', 'silent')
    const found = await guard(['--region', region, '--grace', '1s', '--', 'sh', '-c', line, 'sh', ...steps])
    expect(found).toMatchObject({ code: 120 })
    const [, age] =
      /^shm-guard: stalled: grabber last beat (\d+(?:\.\d+)?)ms ago \(limit 300ms\)/.exec(found.stderr) ?? []
    expect(Number(age)).toBeGreaterThanOrEqual(300)
    expect(Number(age)).toBeLessThan(900)
  })
})

describe('a command', () => {
  it('that does not exist is 127, and one that may not run is 126', async () => {
    const plain = file('plain', 0o644, 'exit 0')
    const cases: [string, number, string][] = [
      [join(folder, 'nowhere'), 127, 'no such file or directory'],
      ['no-such-command-anywhere', 127, 'no such file or directory'],
      ['', 127, 'no such file or directory'],
      [plain, 126, 'permission denied'],
      [folder, 126, 'permission denied'],
      [join(plain, 'below'), 126, 'not a directory'],
    ]
    for (const [command, code, why] of cases) {
      const stderr = `shm-guard: cannot run "${command}": ${why}\n`
      expect(await guard(['--', command]), command).toMatchObject({ code, stdout: '', stderr })
    }
  })

  it('that is a script without an interpreter line is run by sh, with its arguments', async () => {
    const script = file('script', 0o755, 'echo "$# $2"; exit 8\n')
    expect(await guard(['--', script, 'a', 'b c'])).toMatchObject({ code: 8, stdout: '2 b c\n' })
  })

  it('that is such a script may have as many arguments as any other', async () => {
    const script = file('script', 0o755, 'echo "$# $2"; exit 8\n')
    const words = Array<string>(1000).fill('word')
    expect(await guard(['--', script, ...words])).toMatchObject({ code: 8, stdout: '1000 word\n' })
  })

  it('that names an interpreter which is not there is 127', async () => {
    const script = file('no-interpreter', 0o755, '#!/no/such/interpreter\n')
    expect(await guard(['--', script])).toMatchObject({ code: 127 })
  })

  it('is searched in PATH, past what may not run', async () => {
    for (const name of ['first', 'second']) mkdirSync(join(folder, name))
    file('first/tool', 0o644, 'exit 1')
    file('first/barred', 0o644, 'exit 1')
    file('second/tool', 0o755, '#!/bin/sh\necho second\n')
    const PATH = `${folder}/none:${folder}/first:${folder}/second`
    const env = { PATH }
    expect(await guard(['--', 'tool'], { env })).toMatchObject({ code: 0, stdout: 'second\n' })
    const stderr = 'shm-guard: cannot run "barred": permission denied\n'
    expect(await guard(['--', 'barred'], { env })).toMatchObject({ code: 126, stderr })
    expect(await guard(['--', 'neither'], { env })).toMatchObject({ code: 127 })
  })

  it('is found by the usual directories where PATH is unset', async () => {
    const wrapper = ['env', '--unset', 'PATH']
    expect(await guard(['--', 'true'], { wrapper })).toMatchObject({ code: 0, stderr: '' })
  })

  it('may have ten thousand arguments', async () => {
    const words = Array.from({ length: 10_000 }, (_, i) => `word-${i}`)
    expect(await guard(['--', 'sh', '-c', 'echo $# $1 "$10000"', 'sh', ...words])).toMatchObject({
      code: 0,
      stdout: '10000 word-0 word-00000\n',
    })
  })

  it('is run in the directory, the environment and with the input of the guard', async () => {
    const wrapper = ['env', '--chdir', folder]
    const line = 'pwd; echo "$GREETING"; cat'
    const found = await shell(line, { wrapper, env: { GREETING: 'a b\tc' }, input: 'typed\n' })
    expect(found.stdout).toBe(`${folder}\na b\tc\ntyped\n`)
    const bare = await guard(['--', 'env', '-u', 'PATH'], { env: { A: '1' } })
    expect(bare.stdout).toBe('A=1\n')
  })

  it('starts with no signal blocked or ignored that the guard was not started with', async () => {
    const ask = (wrapper: string[] = []) =>
      guard(['--', 'grep', '-E', 'SigBlk|SigIgn', '/proc/self/status'], { wrapper })
    const clean = 'SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n'
    expect(await ask()).toMatchObject({ stdout: clean })
    // SIGUSR1 is bit 9 (0x200), SIGHUP bit 0.
    const kept = 'SigBlk:\t0000000000000200\nSigIgn:\t0000000000000001\n'
    expect(await ask(['env', '--block-signal=USR1', '--ignore-signal=HUP'])).toMatchObject({ stdout: kept })
  })

  it('has the descriptors that the guard was started with, and none of the guard', async () => {
    const region = uniqueRegion()
    const flags = [
      '--region',
      region,
      '--listen',
      `127.0.0.1:${19_000 + (process.pid % 1000)}`,
      '--notify',
      '--owner',
      '0',
    ]
    const names = async (command: string[]) => {
      const program = Program.run('sh', ['-c', 'exec "$@" 7>&1', 'sh', ...command, 'sh', '-c', 'echo /proc/$$/fd/*'])
      await program.ended
      return (program.lines[0] as string).split(' ').map((path) => Number(path.slice(path.lastIndexOf('/') + 1)))
    }
    const without = await names(['env'])
    expect(without).toEqual(expect.arrayContaining([0, 1, 2, 7]))
    expect(await names([guardPath(), ...flags, '--'])).toEqual(without)
  })

  it('that closes its output goes on, and its exit code counts', async () => {
    const line = 'exec >&- 2>&-; sleep 0.1; exit 5'
    expect(await shell(line)).toMatchObject({ code: 5, stdout: '', stderr: '' })
    expect(await shell(line, {}, ['--region', uniqueRegion(), '--progress', 'output'])).toMatchObject({ code: 5 })
  })

  it('that forks into the background ends the guard, which says so', async () => {
    const left = (count: string) =>
      `shm-guard: the command ended and left ${count} behind; one that forks into the background cannot be guarded: ` +
      'run it in the foreground\n'
    const away = 'sleep 2 >/dev/null 2>&1 & '
    expect(await shell(`${away} exit 3`)).toMatchObject({ code: 3, stderr: left('1 process') })
    expect(await shell(`${away} ${away} exit 0`)).toMatchObject({ code: 0, stderr: left('2 processes') })
    expect(await shell('sleep 0.1 & wait; exit 0')).toMatchObject({ code: 0, stderr: '' })
  })

  it('that stops itself is stalled if it is a worker, and is ended all the same', async () => {
    const region = uniqueRegion()
    const found = await guard([
      ...['--region', region, '--grace', '10s', '--'],
      ...worker(region, '300ms', 'beat:100', 'raise:SIGSTOP', 'beat'),
    ])
    expect(found).toMatchObject({ code: 120, signal: null })
    const line = /^shm-guard: stalled: grabber last beat \S+ ago \(limit 300ms\), pid \d+ T \(stopped by a signal\)/
    expect(found.stderr).toMatch(line)
    expect(found.ms).toBeLessThan(8_000) // well before the SIGKILL
  })

  it('that hears nothing is killed after the grace, once it was struck', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '300ms', 'hear:SIGABRT', 'hear:SIGTERM', 'beat:100', 'block')
    const found = await guard(['--region', region, '--grace', '400ms', '--', ...steps])
    expect(found).toMatchObject({ code: 120 })
    expect(found.stderr).toMatch(/sent SIGABRT to it\nshm-guard: not gone within the grace; sending SIGKILL\n$/)
  })
})

describe('the terminal', () => {
  const inTerminal = async (typed: string, line: string) => {
    const program = Program.run('python3', [terminal, typed, guardPath(), '--', 'sh', '-c', line])
    const { code } = await program.ended
    return { code, shown: program.lines.map((shown) => shown.trim()) }
  }

  it('belongs to the command: its group is in the foreground', async () => {
    const line = 'set -- $(cat /proc/$$/stat); echo "$1 $5 $8"'
    const { code, shown } = await inTerminal('', line)
    const [pid, group, foreground] = (shown[0] as string).split(' ')
    expect(code).toBe(0)
    expect(Number(pid)).toBeGreaterThan(0)
    expect([group, foreground]).toEqual([pid, pid])
  })

  it('gives Ctrl-C to the command, and its end to the guard', async () => {
    const caught = await inTerminal('\\x03', 'trap "echo caught; exit 4" INT; echo ready; while :; do sleep 0.05; done')
    expect(caught.code).toBe(4)
    expect(caught.shown).toContain('^Ccaught')
    expect((await inTerminal('\\x03', 'echo ready; exec sleep 20')).code).toBe(130)
  })

  it('is read by the command, and does not stop it', async () => {
    const { code, shown } = await inTerminal('some words\\n', 'echo ready; read line; echo "read: $line"; exit 6')
    expect(code).toBe(6)
    expect(shown).toContain('read: some words')
  })

  it('may be written by a guard in the background', async () => {
    const { code, shown } = await inTerminal('', 'stty tostop; sleep 2 </dev/null >/dev/null 2>&1 & exit 3')
    expect(code).toBe(3)
    expect(shown.join(' ')).toContain('left 1 process behind')
  })
})

describe.each([
  ['as PID 1', inPidNamespace],
  ['as PID 1 without /proc', withoutProc],
])('%s the guard', (_, wrapper) => {
  it('is PID 1, passes exit codes on and forwards signals', async () => {
    expect(await shell('echo $PPID; exit 7', { wrapper })).toMatchObject({ code: 7, stdout: '1\n', stderr: '' })
    expect(await shell('kill -9 $$', { wrapper })).toMatchObject({ code: 137 })
    const line = 'trap "echo got TERM; exit 4" TERM; kill -TERM 1; while :; do sleep 0.05; done'
    expect(await shell(line, { wrapper })).toMatchObject({ code: 4, stdout: 'got TERM\n' })
  })

  it('is not ended by a signal that nobody handles', async () => {
    const line = 'trap "" USR1 USR2 HUP; for s in USR1 USR2 HUP KILL STOP; do kill -$s 1; done; sleep 0.1; exit 5'
    expect(await shell(line, { wrapper })).toMatchObject({ code: 5 })
  })

  it('reaps orphans', async () => {
    // kill -0 succeeds on a zombie.
    const line =
      'orphan=$(sh -c "sleep 0.05 >/dev/null & echo \\$!"); sleep 0.4; kill -0 $orphan 2>/dev/null && exit 1; exit 3'
    expect(await shell(line, { wrapper })).toMatchObject({ code: 3 })
  })

  it('ends a daemon that the command left behind', async () => {
    const path = join(folder, `daemon-${wrapper.length}`)
    expect(await shell(`(sleep 0.3; echo alive > ${path}) >/dev/null 2>&1 & exit 2`, { wrapper })).toMatchObject({
      code: 2,
    })
    await sleep(600)
    expect(() => readFileSync(path)).toThrow(/ENOENT/)
  })

  it('finds and ends a stalled worker', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '300ms', 'beat:100', 'silent')
    const found = await guard(['--region', region, '--grace', '2s', '--', ...steps], { wrapper })
    expect(found).toMatchObject({ code: 120 })
    expect(found.stderr).toMatch(/^shm-guard: stalled: grabber last beat \S+ ago \(limit 300ms\)/)
  })
})
