import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { guardPath, Region } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { guard, startMarkedGuard, workerCommand } from '../support/guard.js'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'
import { until, untilHolds } from '../support/until.js'

const folder = mkdtempSync(join(tmpdir(), 'guard-restart-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newFile = () => join(folder, `file-${files++}`)

/** A command that claims; a line of {@link byTurns} adds its max age and steps. */
const worker = (region: string) => workerCommand(region, '').slice(0, -1)

/** A command that runs the lines one after the other, one a start; the last of them in every further start. */
function byTurns(lines: string[], words: string[] = []): string[] {
  const count = newFile()
  writeFileSync(count, '')
  const cases = lines.map((line, i) => `${i + 1 === lines.length ? '*' : i + 1}) ${line} ;;`)
  return ['sh', '-c', `echo >> ${count}; case $(wc -l < ${count}) in ${cases.join(' ')} esac`, 'sh', ...words]
}

const restartLines = (stderr: string) => stderr.split('\n').filter((line) => line.includes('; restart '))

describe.concurrent('a command that fails', () => {
  it('is started again, and ends the guard as it ends at last', async () => {
    const command = byTurns(['exit 5', 'kill -9 $$', 'echo well; exit 0'])
    const found = await guard(['--region', uniqueRegion(), '--restart', '5', '--', ...command])
    expect(found).toMatchObject({ code: 0, stdout: 'well\n' })
    expect(found.stderr).toBe(
      'shm-guard: exited with 5; restart 1/5 in 100ms\nshm-guard: killed by SIGKILL; restart 2/5 in 200ms\n',
    )
  })

  it('is given up after N restarts, with the last outcome', async () => {
    const log = newFile()
    const flags = ['--region', uniqueRegion(), '--restart', '3', `--termination-log=${log}`]
    const found = await guard([...flags, '--', ...byTurns(['exit 5', 'exit 6', 'exit 7', 'echo last; exit 8'])])
    expect(found).toMatchObject({ code: 8, stdout: 'last\n' })
    expect(restartLines(found.stderr)).toEqual([
      'shm-guard: exited with 5; restart 1/3 in 100ms',
      'shm-guard: exited with 6; restart 2/3 in 200ms',
      'shm-guard: exited with 7; restart 3/3 in 400ms',
    ])
    expect(found.ms).toBeGreaterThan(680)
    const record = JSON.parse(readFileSync(log, 'utf8').split('\n')[1] as string)
    expect(record).toMatchObject({ outcome: 'exited', exit: 8, restarts: 3 })
  })

  it('is not started again without --restart', async () => {
    const found = await guard(['--region', uniqueRegion(), '--', ...byTurns(['exit 5', 'exit 0'])])
    expect(found).toMatchObject({ code: 5, stderr: '' })
  })

  it('is not started again if it has done its work, or cannot be started', async () => {
    const flags = ['--restart', '5', '--']
    expect(await guard([...flags, ...byTurns(['exit 0', 'exit 1'])])).toMatchObject({ code: 0, stderr: '' })
    const absent = await guard([...flags, '/no/such/program'])
    expect(absent).toMatchObject({ code: 127 })
    expect(restartLines(absent.stderr)).toEqual([])
  })

  it('is not started again once it was told to stop', async () => {
    const line = 'trap "exit 4" TERM; echo up; while :; do sleep 0.02; done'
    const program = startMarkedGuard(['--region', uniqueRegion(), '--restart', '5', '--', 'sh', '-c', line])
    await program.said('up')
    process.kill(program.pid, 'SIGTERM')
    expect(await program.ended).toEqual({ code: 4, signal: null })
    expect(restartLines(program.stderr)).toEqual([])
  })

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('is not started again if %s comes in the pause', async (signal, code) => {
    const starts = newFile()
    const command = ['sh', '-c', `echo >> ${starts}; exit 5`]
    const program = startMarkedGuard(['--region', uniqueRegion(), '--restart', '9', '--', ...command])
    await program.complained('restart 3/9 in 400ms')
    process.kill(program.pid, signal)
    expect(await program.ended).toEqual({ code, signal: null })
    // On a busy machine the signal may come in a later pause than the third. That pause is the last.
    const restarts = restartLines(program.stderr).length
    expect(restarts).toBeGreaterThanOrEqual(3)
    expect(restarts).toBeLessThan(9)
    expect(readFileSync(starts, 'utf8')).toHaveLength(restarts)
  })
})

describe.concurrent('a worker that fails', () => {
  it('is started again after a stall and after a death, and the outcome is that of the last', async () => {
    const region = uniqueRegion()
    const turns = [
      'exec "$@" 300ms beat:50 silent',
      '"$@" 1h beat:50 exit:0 & sleep infinity',
      'exec "$@" 1h beat:100 stop exit:0',
    ]
    const flags = ['--region', region, '--restart', '3', '--grace', '2s']
    const found = await guard([...flags, '--', ...byTurns(turns, worker(region))])
    expect(found).toMatchObject({ code: 0 })
    const [first, second, ...more] = restartLines(found.stderr)
    expect(first).toMatch(/^shm-guard: stalled: grabber .*; restart 1\/3 in 100ms$/)
    expect(second).toMatch(/^shm-guard: dead: grabber .*; restart 2\/3 in 200ms$/)
    expect(more).toEqual([])
  })

  it('ends the guard with 120 when its restarts are used up', async () => {
    const region = uniqueRegion()
    const command = workerCommand(region, '200ms', 'beat:50', 'silent')
    const found = await guard(['--region', region, '--restart', '1', '--grace', '2s', '--', ...command])
    expect(found).toMatchObject({ code: 120 })
    expect(restartLines(found.stderr)).toHaveLength(1)
  })

  it('leaves its last words in the slot for the one that comes after it', async () => {
    const region = uniqueRegion()
    const turns = ['exec "$@" 1h phase:calibrate:300ms silent', 'exec "$@" 1h beat']
    const flags = ['--region', region, '--restart', '1', '--grace', '2s']
    const program = startMarkedGuard([...flags, '--', ...byTurns(turns, worker(region))])
    await program.said('beat')
    const found = await untilHolds(
      'the successor runs',
      () => Region.open(region).workers(),
      ([worker]) => worker?.state === 'running',
    )
    expect(found).toMatchObject([{ name: 'grabber', claims: 2, phase: null, lastWords: { phase: 'calibrate' } }])
  })

  it('that hangs while it is being replaced is killed, and replaced', async () => {
    const region = uniqueRegion()
    const turns = ['exec "$@" 300ms hear:SIGABRT beat:50 block', 'exec "$@" 1h beat:100 stop exit:0']
    const flags = ['--region', region, '--restart', '1', '--grace', '300ms']
    const found = await guard([...flags, '--', ...byTurns(turns, worker(region))])
    expect(found).toMatchObject({ code: 0 })
    expect(found.stderr).toContain('sending SIGKILL')
  })

  it('before it has ever claimed has the whole startup grace again', async () => {
    const region = uniqueRegion()
    // Each start is well within the grace, both together are not.
    const turns = ['sleep 1.6; exit 5', 'sleep 1.6; exit 0']
    const flags = ['--region', region, '--expect', 'grabber', '--restart', '1', '--startup-grace', '3s']
    const wrapper = ['unshare', '--pid', '--fork', '--mount-proc']
    const found = await guard([...flags, '--', ...byTurns(turns)], { wrapper })
    expect(found).toMatchObject({ code: 0, stderr: 'shm-guard: exited with 5; restart 1/1 in 100ms\n' })
  })

  it('that never claims again is missing after its grace, and not before', async () => {
    const region = uniqueRegion()
    // A guard within claims for its command far sooner than a worker in node, and is killed by that command.
    const turns = [`"$@" sh -c 'kill -9 $PPID' & exec sleep infinity`, 'exec sleep infinity']
    const inner = [guardPath(), '--region', region, '--name', 'grabber', '--progress', 'cpu', '--max-age', '1h', '--']
    const flags = ['--region', region, '--expect', 'grabber', '--restart', '1', '--startup-grace', '2s']
    const began = performance.now()
    const program = startMarkedGuard([...flags, '--', ...byTurns(turns, inner)])
    expect(await program.ended).toEqual({ code: 122, signal: null })
    expect(restartLines(program.stderr)[0]).toMatch(/dead: grabber .*; restart 1\/1 in 100ms$/)
    expect(performance.now() - began).toBeGreaterThan(2_000)
  })
})

describe.concurrent('the liveness probe', () => {
  /** What `count` probes say, one after the other. */
  async function probes(region: string, count: number): Promise<string[]> {
    const said: string[] = []
    for (let i = 0; i < count; i++) {
      const { code, stdout } = await probe(['--region', region])
      said.push(`${code} ${stdout}`)
    }
    return said
  }
  const passing = (count: number) => Array<string>(count).fill('0 ')

  it.each([
    ['death of a worker', '1h beat-until:SIGUSR1 exit:7'],
    ['strike on a stalled worker', '1h beat-until:SIGUSR1 phase:hang:300ms block'],
  ])('passes from the %s until its successor beats', async (_, failing) => {
    const region = uniqueRegion()
    const go = newFile()
    const turns = [`exec "$@" ${failing}`, `until [ -e ${go} ]; do sleep 0.02; done; exec "$@" 1h beat`]
    const flags = ['--region', region, '--restart', '3', '--grace', '2s', '--restart-budget', '1h']
    const program = startMarkedGuard([...flags, '--', ...byTurns(turns, worker(region))])
    const pid = Number(await program.said('beat-until:SIGUSR1'))
    await until('the worker beats', async () => (await probes(region, 1))[0] === '0 ')
    process.kill(pid, 'SIGUSR1')
    await program.complained('restart 1/3')
    // In the pause, and in the start that has not claimed yet.
    expect(await probes(region, 15)).toEqual(passing(15))
    writeFileSync(go, '')
    const answers: string[] = []
    const beats = program.said('beat').then(() => true)
    do answers.push(...(await probes(region, 1)))
    while (!(await Promise.race([beats, false])))
    answers.push(...(await probes(region, 5)))
    expect(answers).toEqual(passing(answers.length))
  })

  it('fails once --restart-budget is used up', async () => {
    const region = uniqueRegion()
    const turns = ['exec "$@" 1h beat:1 exit:7', 'exec sleep infinity']
    const flags = ['--region', region, '--restart', '3', '--restart-budget', '3s']
    const program = startMarkedGuard([...flags, '--', ...byTurns(turns, worker(region))])
    await program.complained('restart 1/3')
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
    await untilHolds(
      'the probe fails',
      () => probe(['--region', region, '--startup-grace', '0']),
      ({ code }) => code === 1,
    )
  })

  it('fails for good once the guard has given up', async () => {
    const region = uniqueRegion()
    const command = workerCommand(region, '1h', 'beat:1', 'exit:7')
    const found = await guard(['--region', region, '--restart', '1', '--', ...command])
    expect(found).toMatchObject({ code: 7 })
    expect((await probe(['--region', region])).stdout).toMatch(/^dead: grabber /)
  })
})

describe.concurrent('a signal that may mean stop', () => {
  it.each(['SIGINT', 'SIGQUIT'] as const)('that ends the command is one: no start follows a %s', async (signal) => {
    const region = uniqueRegion()
    const program = startMarkedGuard([
      '--region',
      region,
      '--restart',
      '3',
      '--',
      'sh',
      '-c',
      'echo up; exec sleep infinity',
    ])
    await program.said('up')
    const { code } = await program.kill(signal)
    expect(code).toBe(128 + constants.signals[signal])
    expect(program.stderr).toBe('')
  })

  it('is not taken for a failure while the command drains, and nothing is started inside a pod that ends', async () => {
    const region = uniqueRegion()
    const turns = [
      // Silent for longer than its max age and the grace, as a server is that only waits for its last clients.
      'exec "$@" 1h hear:SIGQUIT beat-until:SIGUSR2 phase:drain:100ms silent',
      'echo again; exec sleep infinity',
    ]
    const flags = ['--region', region, '--grace', '100ms', '--restart', '1']
    const program = startMarkedGuard([...flags, '--', ...byTurns(turns, worker(region))])
    const pid = Number(await program.said('beat-until:SIGUSR2'))
    process.kill(program.pid, 'SIGQUIT')
    await program.said('heard SIGQUIT')
    process.kill(pid, 'SIGUSR2')
    await program.said('silent')
    await until('a probe finds it stalled', async () => (await probe(['--region', region])).code === 1)
    // What is asserted is that nothing happens: so long as it took before, several times.
    await sleep(1_000)
    expect(program.stderr).toBe('')
    process.kill(pid, 'SIGKILL')
    expect((await program.ended).code).toBe(137)
    expect(program.lines).not.toContain('again')
  })

  it('is none if --stop-signal names another: the command is watched all along, and started again', async () => {
    const region = uniqueRegion()
    const turns = [
      'exec "$@" 1h hear:SIGQUIT beat-until:SIGUSR2 phase:hang:100ms silent',
      'echo again; exec sleep infinity',
    ]
    const flags = ['--region', region, '--stop-signal', 'SIGUSR1', '--signal', 'KILL', '--restart', '1']
    const program = startMarkedGuard([...flags, '--', ...byTurns(turns, worker(region))])
    const pid = Number(await program.said('beat-until:SIGUSR2'))
    process.kill(program.pid, 'SIGQUIT')
    await program.said('heard SIGQUIT')
    process.kill(pid, 'SIGUSR2')
    await program.said('again')
    expect(await program.complained('; restart 1/1')).toMatch(/stalled: grabber .*; restart 1\/1 in 100ms\n$/)
  })

  it.each(['SIGUSR1', 'RTMIN+3'])(
    'that --stop-signal %s names is one: it is passed on, and nothing is started again',
    async (name) => {
      const number = name === 'SIGUSR1' ? constants.signals.SIGUSR1 : 37
      const line = `trap "echo drained; exit 3" ${number}; echo up; while :; do sleep 0.02; done`
      const flags = ['--region', uniqueRegion(), '--stop-signal', name, '--restart', '3']
      const program = startMarkedGuard([...flags, '--', 'sh', '-c', line])
      await program.said('up')
      process.kill(program.pid, number)
      expect((await program.ended).code).toBe(3)
      expect(program.lines).toEqual(['drained'])
      expect(program.stderr).not.toContain('; restart')
    },
  )
})

describe.concurrent('a process that outlives a command that crashed', () => {
  it('is ended before the next start, also if it has left the group', async () => {
    const pids = newFile()
    writeFileSync(pids, '')
    const stray = `sh -c 'echo $$ >> ${pids}; exec sleep infinity'`
    const turns = [
      `${stray} & setsid ${stray} & until [ "$(wc -l < ${pids})" = 2 ]; do sleep 0.02; done; exit 5`,
      `for p in $(cat ${pids}); do while kill -0 $p; do sleep 0.02; done; done; exit 0`,
    ]
    const found = await guard(['--region', uniqueRegion(), '--restart', '1', '--', ...byTurns(turns)])
    expect(found.code).toBe(0)
    expect(readFileSync(pids, 'utf8').trim().split('\n')).toHaveLength(2)
    expect(found.stderr.match(/No such process/g)).toHaveLength(2)
  })
})

describe.concurrent('a worker that dropped its rights, under a guard that is root', () => {
  it('is started again like any other, without --owner too', async () => {
    const region = uniqueRegion()
    const dropped = 'exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"'
    const turns = [`${dropped} 1h beat:1 exit:7`, `${dropped} 1h beat:100 stop exit:0`]
    const found = await guard(['--region', region, '--restart', '3', '--', ...byTurns(turns, worker(region))])
    expect(found).toMatchObject({ code: 0, stderr: 'shm-guard: exited with 7; restart 1/3 in 100ms\n' })
  })
})
