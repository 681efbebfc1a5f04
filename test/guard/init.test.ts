import { readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { statesOfChildren } from '../support/children.js'
import { guard, shell, startMarkedGuard, workerCommand } from '../support/guard.js'
import { Program } from '../support/program.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'
import { untilHolds } from '../support/until.js'

const orphans = [...python, join(import.meta.dirname, '../fixtures/guard-orphans.py')].join(' ')

const inPidNamespace = ['unshare', '--pid', '--fork', '--mount-proc']
const withoutProc = ['unshare', '--mount', '--pid', '--fork', 'sh', '-c', 'umount --lazy /proc && exec "$@"', 'sh']

/** Whether a process runs this command line, in whichever PID namespace. */
function isRunning(command: string): boolean {
  return readdirSync('/proc').some((entry) => {
    try {
      return readFileSync(`/proc/${entry}/cmdline`, 'utf8') === `${command.replaceAll(' ', '\0')}\0`
    } catch {
      return false // not a process, or gone
    }
  })
}

describe.concurrent('the exit code of the command', () => {
  it('passes through, whichever of the 256 it is', async () => {
    const codes = Array.from({ length: 256 }, (_, code) => code)
    const line = 'for code; do "$GUARD" -- sh -c "exit $code"; echo $?; done'
    const quarters = Array.from({ length: 4 }, (_, i) => codes.slice(64 * i, 64 * (i + 1)).map(String))
    // In a PID namespace of its own, a guard finds few processes in /proc when it looks for what the command left.
    const [unshare, ...flags] = inPidNamespace as [string, ...string[]]
    const runs = await Promise.all(
      quarters.map(async (some) => {
        const program = Program.run(unshare, [...flags, 'sh', '-c', line, 'sh', ...some], {
          GUARD: guardPath(),
          SHM_LIVENESS_REGION: uniqueRegion(),
        })
        await program.ended
        return program.lines.map(Number)
      }),
    )
    expect(runs.flat()).toEqual(codes)
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

  it('is that of a command that dies during start-up, before any worker is missed', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--expect', 'grabber', '--startup-grace', '30s']
    const ends = await Promise.all(['exit 5', 'kill -9 $$'].map((line) => shell(line, {}, flags)))
    expect(ends).toMatchObject([
      { code: 5, stderr: '' },
      { code: 137, stderr: '' },
    ])
  })
})

describe.concurrent('a parent that ignores SIGCHLD', () => {
  it('does not keep the guard from hearing of the end', async () => {
    expect(await shell('exit 9', { wrapper: ['env', '--ignore-signal=CHLD'] })).toMatchObject({ code: 9 })
  })
})

// The guard reaps up to 256 in a turn of its loop. These need another one.
describe.concurrent('hundreds of orphans at once', () => {
  it('are reaped to the last', async () => {
    // Progress stamps for the command. With a healthy worker a look of the watch reaps nothing.
    const flags = ['--region', uniqueRegion(), '--progress', 'cpu', '--max-age', '1h']
    const line = `echo up; read go; ${orphans} 300; echo made; exec sleep infinity`
    const program = startMarkedGuard([...flags, '--', 'sh', '-c', line])
    await program.said('up')
    // A stopped guard has one pending SIGCHLD for all of them.
    process.kill(program.pid, 'SIGSTOP')
    program.tell('go')
    await program.said('made')
    process.kill(program.pid, 'SIGCONT')
    await untilHolds(
      'only the command is left',
      () => statesOfChildren(program.pid),
      (states) => states.length === 1 && states[0] === 'S',
    )
  })

  it('do not hide a worker from the watch that stalls in the same moment', async () => {
    const region = uniqueRegion()
    // The worker says its step and its pid once it hears the signal.
    const line = `"$@" | { read -r step worker; ${orphans} 300 $worker; exec sleep infinity; }`
    const steps = workerCommand(region, '1h', 'beat-until:SIGUSR1', 'phase:hang:300ms', 'silent')
    const found = await guard(['--region', region, '--grace', '1s', '--', 'sh', '-c', line, 'sh', ...steps])
    expect(found).toMatchObject({ code: 120 })
    // How soon it is found is for the bench. The shell may say "Aborted" before.
    expect(found.stderr).toMatch(/^shm-guard: stalled: grabber last beat \S+ ago \(limit 300ms\) in phase "hang"/m)
  })
})

describe.concurrent.each([
  ['as PID 1', inPidNamespace],
  ['as PID 1 without /proc', withoutProc],
])('%s the guard', (_, wrapper) => {
  it('is PID 1, passes exit codes on and forwards signals', async () => {
    const line = 'trap "echo got TERM; exit 4" TERM; kill -TERM 1; while :; do sleep 0.05; done'
    const lines = ['echo $PPID; exit 7', 'kill -9 $$', line]
    expect(await Promise.all(lines.map((one) => shell(one, { wrapper })))).toMatchObject([
      { code: 7, stdout: '1\n', stderr: '' },
      { code: 137 },
      { code: 4, stdout: 'got TERM\n' },
    ])
  })

  it('is not ended by a signal that its command ignores', async () => {
    // The guard hears WINCH, which has the highest number, after the others.
    const line =
      'trap "" USR1 USR2 HUP; trap "exit 5" WINCH; for s in USR1 USR2 HUP KILL STOP WINCH; do kill -$s 1; done; ' +
      'while :; do sleep 0.02; done'
    expect(await shell(line, { wrapper })).toMatchObject({ code: 5 })
  })

  it('reaps orphans', async () => {
    // kill -0 succeeds on a zombie.
    const line =
      'orphan=$(sh -c "sleep 0.05 >/dev/null & echo \\$!"); while kill -0 $orphan 2>/dev/null; do sleep 0.02; done; exit 3'
    expect(await shell(line, { wrapper })).toMatchObject({ code: 3 })
  })

  it('ends a daemon that the command left behind', async () => {
    const daemon = `sleep ${86_400 + Math.random()}`
    expect(await shell(`${daemon} >/dev/null 2>&1 & exit 2`, { wrapper })).toMatchObject({ code: 2 })
    expect(isRunning(daemon)).toBe(false)
  })

  it('finds and ends a stalled worker', async () => {
    const region = uniqueRegion()
    const steps = workerCommand(region, '300ms', 'beat:100', 'silent')
    const found = await guard(['--region', region, '--grace', '2s', '--', ...steps], { wrapper })
    expect(found).toMatchObject({ code: 120 })
    expect(found.stderr).toMatch(/^shm-guard: stalled: grabber last beat \S+ ago \(limit 300ms\)/)
  })
})
