import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Region } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { guard, startGuard as startUnmarked } from '../support/guard.js'
import { marked } from '../support/left-behind.js'
import { probe } from '../support/probe.js'
import { uniqueRegion } from '../support/region.js'

const workerProgram = join(import.meta.dirname, '../../dist-programs/test/fixtures/guard-worker.js')
const worker = (region: string, maxAge: string) => [process.execPath, workerProgram, region, 'grabber', maxAge]
const startGuard = (args: string[]) => startUnmarked(args, marked)

const folder = mkdtempSync(join(tmpdir(), 'guard-restart-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newFile = () => join(folder, `file-${files++}`)

/** A command that runs the lines one after the other, one a start; the last of them in every further start. */
function byTurns(lines: string[], words: string[] = []): string[] {
  const count = newFile()
  writeFileSync(count, '')
  const cases = lines.map((line, i) => `${i + 1 === lines.length ? '*' : i + 1}) ${line} ;;`)
  return ['sh', '-c', `echo >> ${count}; case $(wc -l < ${count}) in ${cases.join(' ')} esac`, 'sh', ...words]
}

const restartLines = (stderr: string) => stderr.split('\n').filter((line) => line.includes('; restart '))

describe('a command that fails', () => {
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
    const flags = ['--region', uniqueRegion(), '--restart', '5', '--']
    expect(await guard([...flags, ...byTurns(['exit 0', 'exit 1'])])).toMatchObject({ code: 0, stderr: '' })
    const absent = await guard([...flags, '/no/such/program'])
    expect(absent).toMatchObject({ code: 127 })
    expect(restartLines(absent.stderr)).toEqual([])
  })

  it('is not started again once it was told to stop', async () => {
    const line = 'trap "exit 4" TERM; echo up; while :; do sleep 0.02; done'
    const program = startGuard(['--region', uniqueRegion(), '--restart', '5', '--', 'sh', '-c', line])
    await program.said('up')
    process.kill(program.pid, 'SIGTERM')
    expect(await program.ended).toEqual({ code: 4, signal: null })
    expect(restartLines(program.stderr)).toEqual([])
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('is not waited for if %s comes in the pause', async (signal) => {
    const program = startGuard(['--region', uniqueRegion(), '--restart', '9', '--', 'sh', '-c', 'exit 5'])
    const said = await eventually(
      () => program.stderr,
      (text) => text.includes('restart 4/9 in 800ms'),
    )
    expect(said).toContain('restart 4/9')
    const began = performance.now()
    process.kill(program.pid, signal)
    expect(await program.ended).toEqual({ code: signal === 'SIGTERM' ? 143 : 130, signal: null })
    expect(performance.now() - began).toBeLessThan(600)
    expect(restartLines(program.stderr)).toHaveLength(4)
  })
})

describe('a worker that fails', () => {
  it('is started again after a stall and after a death, and the outcome is that of the last', async () => {
    const region = uniqueRegion()
    const turns = ['exec "$@" beat:50 silent', '"$@" beat:50 exit:0 & sleep 20', 'exec "$@" beat:400 stop exit:0']
    const flags = ['--region', region, '--restart', '3', '--grace', '2s']
    const found = await guard([...flags, '--', ...byTurns(turns, worker(region, '300ms'))])
    expect(found).toMatchObject({ code: 0 })
    const [first, second, ...more] = restartLines(found.stderr)
    expect(first).toMatch(/^shm-guard: stalled: grabber .*; restart 1\/3 in 100ms$/)
    expect(second).toMatch(/^shm-guard: dead: grabber .*; restart 2\/3 in 200ms$/)
    expect(more).toEqual([])
  })

  it('ends the guard with 120 when its restarts are used up', async () => {
    const region = uniqueRegion()
    const command = [...worker(region, '200ms'), 'beat:50', 'silent']
    const found = await guard(['--region', region, '--restart', '1', '--grace', '2s', '--', ...command])
    expect(found).toMatchObject({ code: 120 })
    expect(restartLines(found.stderr)).toHaveLength(1)
  })

  it('leaves its last words in the slot for the one that comes after it', async () => {
    const region = uniqueRegion()
    const turns = ['exec "$@" phase:calibrate:300ms silent', 'exec "$@" beat']
    const flags = ['--region', region, '--restart', '1', '--grace', '2s']
    const program = startGuard([...flags, '--', ...byTurns(turns, worker(region, '20s'))])
    await program.said('beat')
    const workers = () => Region.open(region).workers()
    const found = await eventually(workers, ([worker]) => worker?.state === 'running')
    expect(found).toMatchObject([{ name: 'grabber', claims: 2, phase: null, lastWords: { phase: 'calibrate' } }])
    await program.kill('SIGTERM')
  })

  it('that hangs while it is being replaced is killed, and replaced', async () => {
    const region = uniqueRegion()
    const turns = ['exec "$@" hear:SIGABRT beat:50 block', 'exec "$@" beat:100 stop exit:0']
    const flags = ['--region', region, '--restart', '1', '--grace', '300ms']
    const found = await guard([...flags, '--', ...byTurns(turns, worker(region, '300ms'))])
    expect(found).toMatchObject({ code: 0 })
    expect(found.stderr).toContain('sending SIGKILL')
  })

  it('before it has ever claimed has the whole startup grace again', async () => {
    const region = uniqueRegion()
    const turns = ['sleep 0.8; exit 5', 'sleep 0.6; exec "$@" beat:100 stop exit:0']
    const flags = ['--region', region, '--expect', 'grabber', '--restart', '1', '--startup-grace', '1s']
    const wrapper = ['unshare', '--pid', '--fork', '--mount-proc']
    const found = await guard([...flags, '--', ...byTurns(turns, worker(region, '20s'))], { wrapper })
    expect(found).toMatchObject({ code: 0, stderr: 'shm-guard: exited with 5; restart 1/1 in 100ms\n' })
  })

  it('that never claims again is missing after its grace, and not before', async () => {
    const region = uniqueRegion()
    const turns = ['"$@" beat:50 exit:0 & sleep 20', 'exec sleep 20']
    const flags = ['--region', region, '--expect', 'grabber', '--restart', '1', '--startup-grace', '700ms']
    const began = performance.now()
    const program = startGuard([...flags, '--', ...byTurns(turns, worker(region, '20s'))])
    expect(await program.ended).toEqual({ code: 122, signal: null })
    expect(restartLines(program.stderr)[0]).toMatch(/dead: grabber .*; restart 1\/1 in 100ms$/)
    expect(performance.now() - began).toBeGreaterThan(790)
  })
})

describe('the liveness probe', () => {
  /** Probes every 20 ms from now on; ends with all the answers, and when each was given. */
  function probing(flags: string[]) {
    let going = true
    const answers: { code: number | null; stdout: string; at: number }[] = []
    const done = (async () => {
      while (going) {
        const at = performance.now()
        const { code, stdout } = await probe(flags)
        answers.push({ code, stdout, at })
        await sleep(20)
      }
      return answers
    })()
    return {
      stop: () => {
        going = false
        return done
      },
    }
  }

  it('passes from the death of a worker until its successor beats', async () => {
    const region = uniqueRegion()
    // A second between start and claim: what a model takes to load.
    const turns = ['exec "$@" beat-until:SIGUSR1 exit:7', 'sleep 1; exec "$@" beat']
    const flags = ['--region', region, '--restart', '3']
    const program = startGuard([...flags, '--', ...byTurns(turns, worker(region, '2s'))])
    const pid = Number(await program.said('beat-until:SIGUSR1'))
    const passes = () => probe(['--region', region])
    expect((await eventually(passes, ({ code }) => code === 0)).code).toBe(0)
    const probes = probing(['--region', region])
    await sleep(100)
    process.kill(pid, 'SIGUSR1')
    await eventually(
      () => program.stderr,
      (said) => said.includes('restart 1/3'),
    )
    const restarting = performance.now()
    await program.said('beat')
    await sleep(200)
    const answers = await probes.stop()
    const after = answers.filter(({ at }) => at >= restarting)
    expect(after.length).toBeGreaterThan(15)
    expect(after.filter(({ code }) => code !== 0)).toEqual([])
    // Between the death and the guard's look a probe may come; there is one of these at most.
    expect(answers.filter(({ code }) => code !== 0).length).toBeLessThanOrEqual(1)
    await program.kill('SIGTERM')
  })

  it('passes from the strike on a stalled worker until its successor beats', async () => {
    const region = uniqueRegion()
    const turns = ['exec "$@" beat-until:SIGUSR2 block', 'sleep 0.6; exec "$@" beat']
    const flags = ['--region', region, '--restart', '3', '--grace', '2s']
    const program = startGuard([...flags, '--', ...byTurns(turns, worker(region, '300ms'))])
    const pid = Number(await program.said('beat-until:SIGUSR2'))
    await sleep(100)
    const probes = probing(['--region', region])
    process.kill(pid, 'SIGUSR2')
    await eventually(
      () => program.stderr,
      (said) => said.includes('restart 1/3'),
    )
    const restarting = performance.now()
    await program.said('beat')
    await sleep(200)
    const after = (await probes.stop()).filter(({ at }) => at >= restarting)
    expect(after.length).toBeGreaterThan(10)
    expect(after.filter(({ code }) => code !== 0)).toEqual([])
    await program.kill('SIGTERM')
  })

  it('fails once --restart-budget is used up', async () => {
    const region = uniqueRegion()
    const turns = ['exec "$@" beat:200 exit:7', 'exec sleep 20']
    const flags = ['--region', region, '--restart', '3', '--restart-budget', '500ms']
    const program = startGuard([...flags, '--', ...byTurns(turns, worker(region, '20s'))])
    await eventually(
      () => program.stderr,
      (said) => said.includes('restart 1/3'),
    )
    expect(await probe(['--region', region])).toMatchObject({ code: 0 })
    const later = await eventually(
      () => probe(['--region', region, '--startup-grace', '0']),
      ({ code }) => code === 1,
      3_000,
    )
    expect(later).toMatchObject({ code: 1 })
    await program.kill('SIGTERM')
  })

  it('fails for good once the guard has given up', async () => {
    const region = uniqueRegion()
    const command = [...worker(region, '20s'), 'beat:100', 'exit:7']
    const found = await guard(['--region', region, '--restart', '1', '--', ...command])
    expect(found).toMatchObject({ code: 7 })
    expect((await probe(['--region', region])).stdout).toMatch(/^dead: grabber /)
  })
})

describe('a signal that may mean stop', () => {
  it.each(['SIGINT', 'SIGQUIT'] as const)('that ends the command is one: no start follows a %s', async (signal) => {
    const region = uniqueRegion()
    const program = startGuard(['--region', region, '--restart', '3', '--', 'sh', '-c', 'echo up; exec sleep 20'])
    await program.said('up')
    const { code } = await program.kill(signal)
    expect(code).toBe(128 + constants.signals[signal])
    expect(program.stderr).toBe('')
  })

  it('that the command survives is none: after the grace it is watched again, and started again', async () => {
    const region = uniqueRegion()
    const turns = ['exec "$@" hear:SIGQUIT beat:1500 silent', 'echo again; exec sleep 20']
    const flags = ['--region', region, '--grace', '300ms', '--signal', 'KILL', '--restart', '1']
    const program = startGuard([...flags, '--', ...byTurns(turns, worker(region, '200ms'))])
    await program.said('beat')
    process.kill(program.pid, 'SIGQUIT')
    await program.said('heard SIGQUIT')
    await program.said('again')
    expect(program.stderr).toMatch(/stalled: grabber .*; restart 1\/1 in 100ms\n$/)
    await program.kill('SIGTERM')
  })
})

describe('what lived on of a command that crashed', () => {
  it('is ended before the next start, those that left its group included', async () => {
    const pids = newFile()
    const stray = `sh -c 'echo $$ >> ${pids}; exec sleep 60'`
    const turns = [
      `${stray} & setsid ${stray} & sleep 0.2; exit 5`,
      `sleep 0.2; for p in $(cat ${pids}); do kill -0 $p; done; exit 0`,
    ]
    const found = await guard(['--region', uniqueRegion(), '--restart', '1', '--', ...byTurns(turns)])
    expect(found.code).toBe(0)
    expect(readFileSync(pids, 'utf8').trim().split('\n')).toHaveLength(2)
    expect(found.stderr.match(/No such process/g)).toHaveLength(2)
  })
})

describe('a worker that dropped its rights, under a guard that is root', () => {
  it('is started again like any other, without --owner too', async () => {
    const region = uniqueRegion()
    const dropped = 'exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"'
    const turns = [`${dropped} beat:200 exit:7`, `${dropped} beat:300 stop exit:0`]
    const found = await guard(['--region', region, '--restart', '3', '--', ...byTurns(turns, worker(region, '20s'))])
    expect(found).toMatchObject({ code: 0, stderr: 'shm-guard: exited with 7; restart 1/3 in 100ms\n' })
  })
})
