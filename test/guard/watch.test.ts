import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { guard, startGuard as startUnmarked } from '../support/guard.js'
import { marked } from '../support/left-behind.js'
import { probe } from '../support/probe.js'
import { Program } from '../support/program.js'
import { pathOf, uniqueRegion } from '../support/region.js'

const workerProgram = join(import.meta.dirname, '../../dist-programs/test/fixtures/guard-worker.js')
const worker = (region: string, maxAge: string, ...steps: string[]) => [
  ...[process.execPath, workerProgram, region, 'grabber', maxAge],
  ...steps,
]
const startGuard = (args: string[]) => startUnmarked(args, marked)

const folder = mkdtempSync(join(tmpdir(), 'guard-watch-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** What the guard has said by now, once it matches. */
const saying = (program: Program, what: RegExp) =>
  eventually(
    () => program.stderr,
    (said) => what.test(said),
  )

/** Runs `line` in a shell, in which "$@" is the worker. */
const besideShell = (line: string, command: string[]) => ['sh', '-c', line, 'sh', ...command]

describe('a worker that stalls', () => {
  it('gets SIGABRT by its pid first, then its group gets it, then all are killed', async () => {
    const region = uniqueRegion()
    const line = 'trap "echo shell heard it" ABRT; "$@" & while :; do wait; done'
    const steps = worker(region, '300ms', 'hear:SIGABRT', 'beat:100', 'silent')
    const program = startGuard(['--region', region, '--grace', '2s', '--', ...besideShell(line, steps)])
    const times = (line: string) => program.lines.filter((said) => said === line).length
    const until = async (what: () => boolean) => {
      expect(await eventually(what, (holds) => holds)).toBe(true)
      return performance.now()
    }
    const first = await until(() => times('heard SIGABRT') === 1)
    expect(times('shell heard it')).toBe(0)
    const second = await until(() => times('heard SIGABRT') === 2 && times('shell heard it') === 1)
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(second - first).toBeGreaterThan(500)
    expect(performance.now() - second).toBeGreaterThan(500)
    expect(program.stderr).toMatch(/; sent SIGABRT to it\nshm-guard: not gone within the grace; sending SIGKILL\n$/)
  })

  it('is named in one line, with its state, where it waits, and its phase; the exit code is 120', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '1h', 'beat:50', 'phase:calibrate:200ms', 'block')
    const found = await guard(['--region', region, '--', ...steps])
    expect(found).toMatchObject({ code: 120 })
    expect(found.stderr).toMatch(
      /^shm-guard: stalled: grabber last beat \S+ ago \(limit 200ms\) in phase "calibrate", pid \d+ S \(sleeping\) in futex\w*(, cpu throttled \d+%)?, cpu \d%; sent SIGABRT to it\n$/,
    )
  })

  it('is shown as stopped by a signal, if that is why', async () => {
    const region = uniqueRegion()
    const line = '"$@" & wait $!'
    const stopped = worker(region, '200ms', 'beat:50', 'raise:SIGSTOP')
    const found = await guard(['--region', region, '--', ...besideShell(line, stopped)])
    expect(found.stderr).toMatch(/pid \d+ T \(stopped by a signal\)/)
    expect(found.code).toBe(120)
  })

  it('ends the whole tree, those that left the group included', async () => {
    const region = uniqueRegion()
    const line = 'setsid sh -c "echo away \\$\\$; exec sleep 30" & "$@" & wait'
    const steps = worker(region, '300ms', 'beat:300', 'silent')
    const program = startGuard(['--region', region, '--', ...besideShell(line, steps)])
    const away = Number(await program.said('away'))
    expect(() => process.kill(away, 0)).not.toThrow()
    expect((await program.ended).code).toBe(120)
    const isThere = () => {
      try {
        return process.kill(away, 0)
      } catch {
        return false
      }
    }
    expect(await eventually(isThere, (there) => !there)).toBe(false)
  })

  it.each([
    ['TERM', 'SIGTERM'],
    ['SIGUSR2', 'SIGUSR2'],
    ['12', 'SIGUSR2'],
    ['KILL', 'SIGKILL'],
    ['34', 'signal 34'],
  ])('gets --signal %s', async (signal, name) => {
    const region = uniqueRegion()
    const steps = worker(region, '200ms', 'beat:50', 'silent')
    const found = await guard(['--region', region, '--signal', signal, '--grace', '5s', '--', ...steps])
    expect(found.code).toBe(120)
    expect(found.stderr).toContain(`; sent ${name} to it\n`)
    expect(found.ms).toBeLessThan(4_500) // it died of that signal, not of the SIGKILL after the grace
  })

  it('is found within a few intervals of its limit', async () => {
    const ages = async (interval: string) => {
      const region = uniqueRegion()
      const flags = ['--region', region, '--interval', interval, '--']
      const { code, stderr } = await guard([...flags, ...worker(region, '200ms', 'beat:50', 'silent')])
      expect(code).toBe(120)
      return Number(/last beat (\d+(?:\.\d+)?)ms ago/.exec(stderr)?.[1] ?? Number.NaN)
    }
    expect(await ages('5ms')).toBeLessThan(400)
    const coarse = await ages('400ms')
    expect(coarse).toBeGreaterThan(200)
  })

  it('that is none of the guard’s own is left alone; the command pays for it', async () => {
    const region = uniqueRegion()
    const stranger = startUnmarked(['--region', uniqueRegion(), '--', ...worker(region, '300ms', 'beat:800', 'silent')])
    await stranger.said('beat')
    const found = await guard(['--region', region, '--', 'sleep', '20'])
    expect(found).toMatchObject({ code: 120 })
    expect(found.stderr).toContain("; sent SIGABRT to the command's processes\n")
    await stranger.said('silent')
    await stranger.kill('SIGTERM')
  })
})

describe('a worker that dies', () => {
  it('beside the command ends it: 121, and one line', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '20s', 'beat:100', 'exit:0')
    const found = await guard(['--region', region, '--', ...besideShell('"$@" & sleep 20; exit 1', steps)])
    expect(found).toMatchObject({ code: 121 })
    const line =
      /^shm-guard: dead: grabber died without stop\(\), last beat \S+ ago, pid \d+; sent SIGABRT to the command's processes\n$/
    expect(found.stderr).toMatch(line)
  })

  it('in the middle of a phase is reported with it', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '20s', 'phase:calibrate:1h', 'raise:SIGKILL')
    const found = await guard(['--region', region, '--', ...besideShell('"$@" & sleep 20', steps)])
    expect(found.code).toBe(121)
    expect(found.stderr).toContain('in phase "calibrate"')
  })

  it('as the command itself is no matter of the watch: its exit code says how', async () => {
    const region = uniqueRegion()
    const ends = async (...steps: string[]) => guard(['--region', region, '--', ...worker(region, '20s', ...steps)])
    expect(await ends('beat:50', 'exit:0')).toMatchObject({ code: 0, stderr: '' })
    expect(await ends('beat:50', 'exit:9')).toMatchObject({ code: 9, stderr: '' })
    expect(await ends('beat:50', 'raise:SIGKILL')).toMatchObject({ code: 137, stderr: '' })
  })

  it('is forgiven for --dead-grace', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--dead-grace', '1h']
    const steps = worker(region, '20s', 'beat:50', 'exit:0')
    expect(await guard([...flags, '--', ...besideShell('"$@"; sleep 0.3; exit 3', steps)])).toMatchObject({ code: 3 })
  })
})

describe('no reaction follows', () => {
  it('a worker that stops on purpose', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '300ms', 'beat:50', 'stop', 'exit:0')
    const found = await guard(['--region', region, '--', ...besideShell('"$@"; sleep 0.7; exit 3', steps)])
    expect(found).toMatchObject({ code: 3, stderr: '' })
  })

  it('a worker within its phase, however silent', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '100ms', 'beat:50', 'phase:load:1h', 'silent')
    const program = startGuard(['--region', region, '--', ...steps])
    await program.said('silent')
    await sleep(600)
    expect(program.stderr).toBe('')
    process.kill(program.pid, 'SIGTERM')
    expect((await program.ended).code).toBe(143)
  })

  it('a command that never claims, unless somebody expects it', async () => {
    const found = await guard([
      '--region',
      uniqueRegion(),
      '--startup-grace',
      '50ms',
      '--',
      'sh',
      '-c',
      'sleep 0.5; exit 4',
    ])
    expect(found).toMatchObject({ code: 4 })
    expect(found.stderr).toMatch(/^shm-guard: nobody has claimed in region \S+ within the startup grace; .*\n$/)
  })

  it('a pause of guard and worker together', async () => {
    const region = uniqueRegion()
    const program = startGuard(['--region', region, '--', ...worker(region, '1s', 'beat')])
    const pid = Number(await program.said('beat'))
    for (const each of [program.pid, pid]) process.kill(each, 'SIGSTOP')
    await sleep(2000)
    process.kill(program.pid, 'SIGCONT')
    await sleep(100) // the guard looks several times at a worker that is two seconds late
    process.kill(pid, 'SIGCONT')
    await sleep(100)
    expect(program.stderr).toBe('')
    process.kill(program.pid, 'SIGTERM')
    expect((await program.ended).code).toBe(143)
  })

  it('a pause of the guard alone', async () => {
    const region = uniqueRegion()
    const program = startGuard(['--region', region, '--', ...worker(region, '1s', 'beat')])
    await program.said('beat')
    process.kill(program.pid, 'SIGSTOP')
    await sleep(1500)
    process.kill(program.pid, 'SIGCONT')
    await sleep(300)
    expect(program.stderr).toBe('')
    process.kill(program.pid, 'SIGTERM')
    expect((await program.ended).code).toBe(143)
  })

  it('a region that is removed under its workers, though they are expected', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--expect', 'grabber', '--startup-grace', '1s']
    const program = startGuard([...flags, '--', ...worker(region, '10s', 'beat:2000', 'stop', 'exit:0')])
    await program.said('beat')
    await sleep(200) // until the guard has looked at it
    rmSync(pathOf(region))
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(program.stderr).toContain(`shm-guard: the region ${region} was removed under its workers; restart them\n`)
  })

  it('a process that ends with a claim in one of its threads', async () => {
    const claims =
      "import { parentPort } from 'node:worker_threads'; import { Heartbeat } from 'shm-liveness';" +
      " const h = Heartbeat.claim({ region: process.env.REGION, name: 't', maxAge: '10s' }); h.beat(); parentPort.postMessage(1); setInterval(h.beat, 5)"
    const script = `const { Worker } = require('node:worker_threads'); new Worker(${JSON.stringify(claims)}, { eval: true }).on('message', () => setTimeout(() => process.exit(0), 50))`
    for (let i = 0; i < 5; i++) {
      const region = uniqueRegion()
      const command = ['env', `REGION=${region}`, process.execPath, '-e', script]
      const found = await guard(['--region', region, '--interval', '1ms', '--', ...command])
      expect(found).toMatchObject({ code: 0, stderr: '' })
    }
  })

  it('a command whose end takes longer than its max age: its exit code says how', async () => {
    for (let i = 0; i < 3; i++) {
      const region = uniqueRegion()
      const steps = worker(region, '20ms', 'phase:fill:30s', 'fill:600', 'beat:10', 'exit:7')
      const outcome = await guard(['--region', region, '--interval', '1ms', '--', ...steps])
      expect(outcome).toMatchObject({ code: 7, stderr: '' })
    }
  })

  it('a stall in another container that shares the region by mistake', async () => {
    const region = uniqueRegion()
    const program = startGuard(['--region', region, '--', 'sleep', '60'])
    const foreign = ['unshare', '--mount', ...worker(region, '100ms', 'beat:50', 'silent')]
    const stranger = Program.run(foreign[0] as string, foreign.slice(1))
    await stranger.said('silent')
    const { stdout } = await eventually(
      () => probe(['--region', region]),
      ({ code }) => code === 1,
    )
    expect(stdout).toMatch(/^stalled: grabber/)
    await sleep(300)
    expect(program.stderr).toBe(
      `shm-guard: not guarded: worker grabber of region ${region} is another container's; give each container a region of its own\n`,
    )
    expect(await program.kill('SIGTERM')).toEqual({ code: 143, signal: null })
  })

  it('what an earlier run of the same command left in the region', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region]
    const run = (...steps: string[]) => guard([...flags, '--', ...worker(region, '20s', ...steps)])
    expect((await run('beat:50', 'raise:SIGKILL')).code).toBe(137)
    expect((await probe(flags)).stdout).toMatch(/^dead: /)
    const program = startGuard([...flags, '--', 'sh', '-c', 'sleep 0.5; echo alive; exit 6'])
    expect(await program.ended).toEqual({ code: 6, signal: null })
    expect(program.stderr).toBe('')
  })
})

describe('a stall beside a region that cannot be read', () => {
  it('is found all the same', async () => {
    const [region, broken] = [uniqueRegion(), uniqueRegion()]
    writeFileSync(pathOf(broken), Buffer.alloc(8192))
    const steps = worker(region, '200ms', 'beat:300', 'silent')
    const found = await guard(['--region', `${region},${broken}`, '--signal', 'KILL', '--', ...steps])
    expect(found).toMatchObject({ code: 120, stderr: expect.stringContaining('stalled: grabber') })
    expect(found.stderr).toContain('[REGION_MAGIC]')
  })
})

describe('the region', () => {
  it('may appear long after the command has started', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '300ms', 'beat:100', 'silent')
    const found = await guard(['--region', region, '--', ...besideShell('sleep 0.5; exec "$@"', steps)])
    expect(found).toMatchObject({ code: 120 })
  })

  it('may be replaced under the guard', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region]
    const line = `"$@" stop; rm /dev/shm/${region}; "$@" beat:700 silent & wait`
    const found = await guard([...flags, '--', ...besideShell(line, worker(region, '300ms', 'beat:100'))])
    expect(found).toMatchObject({ code: 120 })
    expect(found.stderr).toMatch(/stalled: grabber/)
  })

  it('may be cut short under the guard, which survives it and says so', async () => {
    const region = uniqueRegion()
    const program = startGuard([
      '--region',
      region,
      '--',
      'sh',
      '-c',
      'trap "exit 5" TERM; echo up; while :; do sleep 0.05; done',
    ])
    await program.said('up')
    const beside = startUnmarked(
      ['--region', uniqueRegion(), '--', ...worker(region, '1h', 'beat:200', 'silent')],
      marked,
    )
    await beside.said('silent')
    await sleep(100)
    truncateSync(pathOf(region), 0)
    expect(await saying(program, /\n/)).toMatch(/^shm-guard: unusable: /)
    await sleep(200)
    expect(program.stderr.split('\n').length).toBe(2)
    process.kill(program.pid, 'SIGTERM')
    expect(await program.ended).toEqual({ code: 5, signal: null })
    await beside.kill('SIGTERM')
  })

  it('that nobody can read is said once, and ends nobody', async () => {
    const region = uniqueRegion()
    writeFileSync(pathOf(region), 'no region at all')
    const found = await guard(['--region', region, '--', 'sh', '-c', 'sleep 0.5; exit 4'])
    expect(found.code).toBe(4)
    expect(found.stderr).toMatch(/^(shm-guard: cannot mark [^\n]*\n)?shm-guard: unusable: [^\n]*\n$/)
  })

  it('of another user is watched by root, and not by anybody else', async () => {
    const region = uniqueRegion()
    const as = (user: string) => ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
    const line = `${as('12345').join(' ')} "$@" & sleep 20`
    const steps = worker(region, '300ms', 'beat:200', 'silent')
    const found = await guard(['--region', region, '--', ...besideShell(line, steps)])
    expect(found).toMatchObject({ code: 120 })
    expect(statSync(pathOf(region)).uid).toBe(12345)

    const wrapper = as('12346')
    const other = await guard(['--region', region, '--', 'sh', '-c', 'sleep 0.3; exit 4'], { wrapper })
    expect(other.code).toBe(4)
    expect(other.stderr).toMatch(/^(shm-guard: cannot mark [^\n]*\n)?shm-guard: unusable: [^\n]*\n$/)
  })
})

describe.each([
  ['as PID 1', ['unshare', '--pid', '--fork', '--mount-proc']],
  ['beside others', []],
])('an expected worker that is missing, with a guard %s,', (_, wrapper) => {
  it('is 122 once the startup grace is over, which counts from the start of the guard', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--expect', 'grabber', '--startup-grace', '600ms']
    const found = await guard([...flags, '--', 'sleep', '20'], { wrapper })
    expect(found).toMatchObject({ code: 122 })
    expect(found.stderr).toMatch(/\nshm-guard: missing: [^\n]*; sent SIGABRT to the command's processes\n$/)
    expect(found.ms).toBeGreaterThanOrEqual(590)
  })

  it('is 122 also if others are there, and where a number is expected', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '20s', 'beat')
    const flags = ['--region', region, '--startup-grace', '600ms']
    for (const expected of [
      ['--expect', 'grabber,writer'],
      ['--min', '2'],
    ]) {
      const found = await guard([...flags, ...expected, '--', ...steps], { wrapper })
      expect(found).toMatchObject({ code: 122 })
    }
  })

  it('is no matter within the grace', async () => {
    const region = uniqueRegion()
    const line = 'sleep 0.3; exec "$@"'
    const steps = worker(region, '20s', 'beat:100', 'stop', 'exit:0')
    const flags = ['--region', region, '--expect', 'grabber', '--startup-grace', '10s']
    const found = await guard([...flags, '--', ...besideShell(line, steps)], { wrapper })
    expect(found).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('--owner', () => {
  const user = 23456
  const rights = [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--bounding-set=-all']

  it('makes the region for a worker that drops its rights: it claims, is judged, and its probe passes', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--owner', `${user}:${user}`, '--grace', '2s']
    const steps = ['setpriv', ...rights, ...worker(region, '500ms', 'beat-until:SIGUSR1', 'silent')]
    const program = startGuard([...flags, '--', ...steps])
    const pid = Number(await program.said('beat-until:SIGUSR1'))
    const { uid, gid, mode } = statSync(pathOf(region))
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: user, gid: user, mode: 0o600 })
    const wrapper = ['setpriv', ...rights]
    const asUser = () => probe(['--region', region], { wrapper })
    expect(await eventually(asUser, ({ code }) => code === 0)).toMatchObject({ code: 0, stdout: '', stderr: '' })
    process.kill(pid, 'SIGUSR1')
    expect((await program.ended).code).toBe(120)
    expect(program.stderr).toMatch(/stalled: grabber last beat .*; sent SIGABRT to it\n/)
  })

  it('is said in words to be beyond a guard that is not root', async () => {
    const region = uniqueRegion()
    const wrapper = ['setpriv', ...rights]
    const found = await guard(['--region', region, '--owner', '1', '--', 'echo', 'ran'], { wrapper })
    expect(found).toMatchObject({ code: 3, stdout: '' })
    expect(found.stderr).toMatch(new RegExp(`^shm-guard: region ${region} [^\\n]*not permitted\\n$`))
  })
})

describe('the termination log', () => {
  const path = join(folder, 'termination-log')
  const old = `stalled: grabber, an hour ago\n${'x'.repeat(3000)}\n`
  interface Outcome {
    outcome: string
    exit: number
    verdict: string
    line: string
    phase?: string
    restarts: number
    time: string
  }

  /** The line for people, and the record; nothing else may be there. */
  function read(): { line: string; outcome: Outcome } {
    const [line, json, end, ...more] = readFileSync(path, 'utf8').split('\n') as [string, string, string]
    expect([end, ...more]).toEqual([''])
    return { line, outcome: JSON.parse(json) as Outcome }
  }
  async function logged(args: string[]): Promise<{ line: string; outcome: Outcome }> {
    writeFileSync(path, old)
    const { code } = await guard([`--termination-log=${path}`, ...args])
    const found = read()
    expect(found.outcome.exit).toBe(code)
    expect(found.outcome.line).toBe(found.line)
    const age = Date.now() - Date.parse(found.outcome.time)
    expect(age).toBeGreaterThan(-1_000)
    expect(age).toBeLessThan(20_000)
    return found
  }
  const region = () => ['--region', uniqueRegion()]

  it('says how a command ended by itself, whatever was written there before', async () => {
    const found = await logged([...region(), '--', 'true'])
    expect(found).toMatchObject({ line: 'exited with 0', outcome: { outcome: 'exited', exit: 0, restarts: 0 } })
    expect((await logged([...region(), '--', 'sh', '-c', 'exit 3'])).outcome).toMatchObject({
      outcome: 'exited',
      exit: 3,
    })
    const killed = await logged([...region(), '--', 'sh', '-c', 'kill -9 $$'])
    expect(killed).toMatchObject({ line: 'killed by SIGKILL', outcome: { outcome: 'signalled', exit: 137 } })
  })

  it('says why a command was ended, with the phase', async () => {
    const name = uniqueRegion()
    const steps = worker(name, '1h', 'beat:50', 'phase:calibrate:200ms', 'silent')
    const { line, outcome } = await logged(['--region', name, '--', ...steps])
    expect(line).toMatch(/^stalled: grabber last beat \S+ ago \(limit 200ms\) in phase "calibrate"/)
    expect(outcome).toMatchObject({ outcome: 'stalled', exit: 120, verdict: 'stalled', phase: 'calibrate' })
    const missing = await logged([...region(), '--expect', 'a', '--startup-grace', '0', '--', 'sleep', '20'])
    expect(missing.outcome).toMatchObject({ outcome: 'missing', exit: 122, verdict: 'missing' })
  })

  it('says what kept the guard or the command from starting', async () => {
    const absent = await logged([...region(), '--', '/no/such/program'])
    expect(absent.line).toBe('cannot run "/no/such/program": no such file or directory')
    expect(absent.outcome).toMatchObject({ outcome: 'not-started', exit: 127 })

    const name = uniqueRegion()
    mkdirSync(pathOf(name))
    const refused = await logged(['--region', name, '--progress', 'cpu', '--', 'true'])
    expect(refused.line).toContain(`region ${name} `)
    expect(refused.outcome).toMatchObject({ outcome: 'not-started', exit: 3 })

    const steps = await logged([...region(), '--steps', join(folder, 'no-steps.json')])
    expect(steps.line).toContain('no such file or directory')
    expect(steps.outcome).toMatchObject({ outcome: 'not-started', exit: 2 })

    const listening = await logged([...region(), '--listen', '203.0.113.1:9808', '--', 'true'])
    expect(listening.outcome).toMatchObject({ outcome: 'not-started', exit: 3 })
  })

  it('holds an interim record from SIGTERM on, for a command that is killed before it ends', async () => {
    writeFileSync(path, old)
    const line = 'trap "" TERM; echo up; sleep 1; exit 4'
    const program = startGuard([...region(), `--termination-log=${path}`, '--', 'sh', '-c', line])
    await program.said('up')
    process.kill(program.pid, 'SIGTERM')
    await eventually(
      () => readFileSync(path, 'utf8'),
      (text) => text !== old && text.endsWith('}\n'),
    )
    const interim = read()
    expect(interim.line).toBe('told to stop by SIGTERM; the command had not ended yet')
    expect(interim.outcome).toMatchObject({ outcome: 'terminated', exit: 143 })
    expect(await program.ended).toEqual({ code: 4, signal: null })
    expect(read()).toMatchObject({
      line: 'exited with 4 after SIGTERM',
      outcome: { outcome: 'terminated', exit: 4 },
    })
  })

  it('is written by way of a file of its own name only, never through a link', async () => {
    const [target, link] = [join(folder, 'target'), join(folder, 'link')]
    writeFileSync(target, 'mine')
    symlinkSync(target, link)
    const found = await guard([...region(), `--termination-log=${link}`, '--', 'true'])
    expect(found.code).toBe(0)
    expect(found.stderr).toMatch(/^shm-guard: cannot write the termination log \S+: too many symbolic links\n$/)
    expect(readFileSync(target, 'utf8')).toBe('mine')
  })

  it('that cannot be written is said, and changes no exit code', async () => {
    const found = await guard([...region(), `--termination-log=${folder}/none/log`, '--', 'sh', '-c', 'exit 3'])
    expect(found.code).toBe(3)
    expect(found.stderr).toMatch(/^shm-guard: cannot write the termination log \S+: no such file or directory\n$/)
  })
})
