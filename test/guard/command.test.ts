import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { guard, shell, workerCommand } from '../support/guard.js'
import { marked } from '../support/left-behind.js'
import { Program } from '../support/program.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'

const terminal = join(import.meta.dirname, '../fixtures/guard-terminal.py')

const folder = mkdtempSync(join(tmpdir(), 'guard-command-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A file of these bytes and this mode. */
function file(name: string, mode: number, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, mode) // writeFileSync's own is cut by the umask
  return path
}

describe.concurrent('a command', () => {
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
    const ends = await Promise.all(cases.map(([command]) => guard(['--', command])))
    expect(ends).toMatchObject(
      cases.map(([command, code, why]) => ({
        code,
        stdout: '',
        stderr: `shm-guard: cannot run "${command}": ${why}\n`,
      })),
    )
  })

  const script = file('script', 0o755, 'echo "$# $2"; exit 8\n')

  it('that is a script without an interpreter line is run by sh, with its arguments', async () => {
    expect(await guard(['--', script, 'a', 'b c'])).toMatchObject({ code: 8, stdout: '2 b c\n' })
  })

  it('that is such a script may have as many arguments as any other', async () => {
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
    // The last is added by Node.js where coverage is measured.
    const others = ['PATH', 'SHM_LIVENESS_STACKS', 'NODE_V8_COVERAGE'].flatMap((name) => ['-u', name])
    const bare = await guard(['--', 'env', ...others], { env: { SHM_LIVENESS_REGION: 'a' } })
    expect(bare.stdout).toBe('SHM_LIVENESS_REGION=a\n')
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
    // It runs long enough for the guard to notice, and to end too early if it were to.
    const line = 'exec >&- 2>&-; sleep 0.1; exit 5'
    const flags = ['--region', uniqueRegion(), '--progress', 'output']
    const [plain, watched] = await Promise.all([shell(line), shell(line, {}, flags)])
    expect(plain).toMatchObject({ code: 5, stdout: '', stderr: '' })
    expect(watched).toMatchObject({ code: 5 })
  })

  it('that forks into the background ends the guard, which says so', async () => {
    const left = (count: string) =>
      `shm-guard: the command ended and left ${count} behind; one that forks into the background cannot be guarded: ` +
      'run it in the foreground\n'
    const away = 'sleep infinity >/dev/null 2>&1 & '
    const lines = [`${away} exit 3`, `${away} ${away} exit 0`, 'true & wait; exit 0']
    expect(await Promise.all(lines.map((line) => shell(line, { env: marked })))).toMatchObject([
      { code: 3, stderr: left('1 process') },
      { code: 0, stderr: left('2 processes') },
      { code: 0, stderr: '' },
    ])
  })

  it('that stops itself is stalled if it is a worker, and is ended without SIGKILL', async () => {
    const region = uniqueRegion()
    const found = await guard([
      ...['--region', region, '--grace', '1h', '--'],
      ...workerCommand(region, '1s', 'beat:1', 'raise:SIGSTOP', 'beat'),
    ])
    expect(found).toMatchObject({ code: 120, signal: null })
    const line = /^shm-guard: stalled: grabber last beat \S+ ago \(limit 1s\), pid \d+ T \(stopped by a signal\)/
    expect(found.stderr).toMatch(line)
  })

  it('that hears nothing is killed after the grace, once it was struck', async () => {
    const region = uniqueRegion()
    const steps = workerCommand(region, '300ms', 'hear:SIGABRT', 'hear:SIGTERM', 'beat:100', 'block')
    const found = await guard(['--region', region, '--grace', '400ms', '--', ...steps])
    expect(found).toMatchObject({ code: 120 })
    expect(found.stderr).toMatch(/sent SIGABRT to it\nshm-guard: not gone within the grace; sending SIGKILL\n$/)
  })
})

describe.concurrent('the terminal', () => {
  const inTerminal = async (typed: string, line: string) => {
    const [command, ...args] = [...python, terminal, typed, guardPath(), '--', 'sh', '-c', line]
    const program = Program.run(command, args, { ...marked, SHM_LIVENESS_REGION: uniqueRegion() })
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
    const catches = 'trap "echo caught; exit 4" INT; echo ready; while :; do sleep 0.05; done'
    const [caught, ended] = await Promise.all([
      inTerminal('\\x03', catches),
      inTerminal('\\x03', 'echo ready; exec sleep infinity'),
    ])
    expect(caught.code).toBe(4)
    expect(caught.shown).toContain('^Ccaught')
    expect(ended.code).toBe(130)
  })

  it('is read by the command, and does not stop it', async () => {
    const { code, shown } = await inTerminal('some words\\n', 'echo ready; read line; echo "read: $line"; exit 6')
    expect(code).toBe(6)
    expect(shown).toContain('read: some words')
  })

  it('may be written by a guard in the background', async () => {
    const { code, shown } = await inTerminal('', 'stty tostop; sleep infinity </dev/null >/dev/null 2>&1 & exit 3')
    expect(code).toBe(3)
    expect(shown.join(' ')).toContain('left 1 process behind')
  })
})
