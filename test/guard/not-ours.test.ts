import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { guardPath } from 'shm-liveness'
import { afterEach, describe, expect, it } from 'vitest'
import { marked } from '../support/left-behind.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'

const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

const left: number[] = []
afterEach(() => {
  for (const pid of left.splice(0)) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
})

/** The pid that a line `WORD PID` says; killed after the test. */
async function pidOf(program: Program, word: string): Promise<number> {
  const pid = Number(await program.said(word))
  left.push(pid)
  return pid
}

describe('what an entrypoint started before it became the guard', () => {
  const entrypoint = (before: string, ...args: string[]) =>
    Program.run('sh', ['-c', `${before} exec "$@"`, 'sh', guardPath(), '--region', uniqueRegion(), ...args], marked)

  it('lives on when the command is started again, and when the guard ends', async () => {
    const program = entrypoint(
      'sleep 300 >/dev/null 2>&1 & echo helper $!;',
      '--restart',
      '2',
      '--',
      'sh',
      '-c',
      'echo run; exit 5',
    )
    const helper = await pidOf(program, 'helper')
    expect((await program.ended).code).toBe(5)
    expect(program.lines.filter((line) => line === 'run')).toHaveLength(3)
    expect(isAlive(helper)).toBe(true)
    expect(program.stderr).not.toContain('behind')
  })

  it('may leave orphans to the guard, before and after the command began', async () => {
    const helpers =
      'sh -c "sleep 300 >/dev/null 2>&1 & echo early \\$!"; sh -c "sleep 0.3; sleep 300 >/dev/null 2>&1 & echo late \\$!" &'
    const program = entrypoint(helpers, '--restart', '1', '--', 'sh', '-c', 'echo run; read go; exit 5')
    const orphans = [await pidOf(program, 'early'), await pidOf(program, 'late')]
    program.tell('go')
    await program.complained('; restart 1/1')
    await program.said('run')
    expect(orphans.map(isAlive)).toEqual([true, true])
  })

  it('while what the command leaves behind is ended before it starts again', async () => {
    const line = 'setsid sleep 300 >/dev/null 2>&1 & echo daemon $!; exit 5'
    const program = entrypoint('sleep 300 >/dev/null 2>&1 & echo helper $!;', '--restart', '1', '--', 'sh', '-c', line)
    const helper = await pidOf(program, 'helper')
    const daemon = await pidOf(program, 'daemon')
    await pidOf(program, 'daemon')
    expect(isAlive(daemon)).toBe(false)
    await program.ended
    expect(isAlive(helper)).toBe(true)
  })
})

const canMakeNamespaces = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0
if (!canMakeNamespaces) console.warn('skipped: sessions in a container, which need PID and mount namespaces')

describe.runIf(canMakeNamespaces)('what somebody leaves behind who was in the container (kubectl exec)', () => {
  it('lives on when the command is started again', async () => {
    const namespace = ['--pid', '--fork', '--kill-child', '--mount-proc']
    const command = ['sh', '-c', 'echo run; read go; exit 5']
    const flags = ['--region', uniqueRegion(), '--restart', '1', '--', ...command]
    const program = Program.run('unshare', [...namespace, guardPath(), ...flags], marked)
    await program.said('run')
    const [guard] = readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8').split(' ')
    // As runc exec does it: a process without a parent there, in a session of its own.
    const line = 'sleep 300 >/dev/null 2>&1 & echo $!; read end'
    const session = spawn('nsenter', ['-t', guard as string, '-p', '-m', 'setsid', 'sh', '-c', line], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const inside = await new Promise<string>((resolve) =>
      session.stdout.once('data', (data) => resolve(String(data).trim())),
    )
    const seenFromHere = () =>
      readdirSync('/proc').find((pid) => {
        try {
          return new RegExp(`^NSpid:\\s+\\d+\\s+${inside}$`, 'm').test(readFileSync(`/proc/${pid}/status`, 'utf8'))
        } catch {
          return false
        }
      })
    const orphan = Number(await until('the orphan to be', seenFromHere))
    left.push(orphan)
    // The guard notes who is there once a second.
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    session.stdin.end()
    await until('its parent has gone', () =>
      readFileSync(`/proc/${orphan}/status`, 'utf8').includes(`PPid:\t${guard}\n`),
    )
    program.tell('go')
    await program.said('run')
    expect(isAlive(orphan)).toBe(true)
  })
})
