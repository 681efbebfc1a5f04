import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, closeSync, copyFileSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { guard, startGuard } from '../support/guard.js'
import { only } from '../support/held.js'
import { probe } from '../support/probe.js'
import type { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'

const folder = mkdtempSync(join(tmpdir(), 'steps-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Step {
  name: string
  argv?: string[]
  shell?: string
  silenceBudget?: string
  timeLimit?: string
}

let files = 0
function fileOf(content: string | Buffer): string {
  const path = join(folder, `steps-${++files}.json`)
  writeFileSync(path, content)
  return path
}
const stepsFile = (steps: Step[]) => fileOf(JSON.stringify({ steps }))

/** Run by sh -e; SIGTERM reaches its children too, so what it is to outlive has `|| :` behind it. */
const sh = (name: string, shell: string, more: Partial<Step> = {}): Step => ({ name, shell, ...more })

interface Mark {
  mark: string
  written: number
  step?: number
  of?: number
  name?: string
  text?: string
  outcome?: string
  exit?: number
  line?: string
  silenceBudgetNs?: number
  timeLimitNs?: number
  durationNs?: number
  /** Where its line begins in the log, in bytes. */
  at: number
  /** Behind its line. */
  end: number
}

interface Log {
  code: number | null
  stderr: string
  bytes: Buffer
  marks: Mark[]
  nonce: string
}

/** Reads a log as its reader would: the nonce is that of the first line, which is the guard's. */
function read(bytes: Buffer): { nonce: string; marks: Mark[] } {
  const text = bytes.toString('latin1')
  const nonce = /^##\[shm-guard ([^\]]+)\] /.exec(text)?.[1] ?? ''
  const prefix = `##[shm-guard ${nonce}] `
  const marks: Mark[] = []
  let at = text.startsWith(prefix) ? 0 : -1
  while (at >= 0) {
    const end = text.indexOf('\n', at)
    const json = bytes.subarray(at + prefix.length, end).toString()
    marks.push({ ...(JSON.parse(json) as Mark), at, end: end + 1 })
    const next = text.indexOf(`\n${prefix}`, at)
    at = next < 0 ? -1 : next + 1
  }
  return { nonce, marks }
}

function run(steps: Step[], flags: string[] = []): Promise<Log> {
  const args = ['--region', uniqueRegion(), '--interval', '5ms', ...flags, '--steps', stepsFile(steps)]
  return new Promise((resolve, reject) => {
    const child = spawn(guardPath(), args, { timeout: 20_000, killSignal: 'SIGKILL' })
    const chunks: Buffer[] = []
    let stderr = ''
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.stdin.end()
    child.on('error', reject)
    child.on('close', (code) => {
      const bytes = Buffer.concat(chunks)
      resolve({ code, stderr, bytes, ...read(bytes) })
    })
  })
}

/** What the log has between a step's begin and its end. */
function between({ bytes, marks }: Log, step: number): Buffer {
  const begin = marks.find((mark) => mark.mark === 'begin' && mark.step === step)
  const end = marks.find((mark) => mark.mark === 'end' && mark.step === step)
  return bytes.subarray(begin?.end, end?.at)
}

/** `begin 1`, `end 1 exited 0`, … */
const told = (marks: Mark[]) =>
  marks.map(({ mark, step, outcome, exit }) =>
    [mark, step, outcome, exit].filter((word) => word !== undefined).join(' '),
  )

/** A guard with steps that talk with the test: `told` holds the marks so far. */
function start(steps: Step[], flags: string[] = []): { region: string; program: Program } {
  const region = uniqueRegion()
  const program = startGuard(['--region', region, '--interval', '5ms', ...flags, '--steps', stepsFile(steps)])
  return { region, program }
}

const marksOf = (program: Program) => read(Buffer.from(`${program.lines.join('\n')}\n`)).marks

describe('a list of steps', () => {
  it('is run in its order, each step marked at its begin and its end', async () => {
    const log = await run([
      sh('one', 'echo first'),
      { name: 'two', argv: ['echo', 'second'] },
      sh('three', 'echo third'),
    ])
    expect(log).toMatchObject({ code: 0, stderr: '' })
    expect(told(log.marks)).toEqual([
      ...['begin 1', 'end 1 exited 0', 'begin 2', 'end 2 exited 0', 'begin 3', 'end 3 exited 0', 'final exited 0'],
    ])
    expect([1, 2, 3].map((step) => between(log, step).toString())).toEqual(['first\n', 'second\n', 'third\n'])
    expect(log.marks[2]).toMatchObject({ step: 2, of: 3, name: 'two', timeLimitNs: 0 })
    expect(log.marks[3]?.durationNs).toBeGreaterThan(0)
    expect(log.marks.at(-1)).toMatchObject({ line: 'exited with 0' })
  })

  it('shows the running step as a phase with its silence budget', async () => {
    const wait = 'echo up; read go'
    const { region, program } = start([sh('fetch', wait, { silenceBudget: '90s' }), sh('compile', wait)])
    await program.said('up')
    const { stdout } = await probe(['--region', region, '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'healthy',
      workers: [{ name: 'main', phase: 'fetch', limitNs: 90_000_000_000, ready: true }],
    })
    program.tell('')
    await program.said('up')
    expect(only(region), 'five minutes if nothing is said').toMatchObject({ phase: 'compile', limitMs: 300_000 })
    program.tell('')
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(only(region)).toMatchObject({ state: 'stopped' })
  })

  it('takes --max-age for the budget of steps that have none, and --name for the worker', async () => {
    const { region, program } = start([sh('one', 'echo up; read go')], ['--max-age', '77s', '--name', 'build'])
    await program.said('up')
    expect(only(region)).toMatchObject({ name: 'build', phase: 'one', limitMs: 77_000 })
  })

  it('says budget and limit in the begin mark', async () => {
    const { marks } = await run([sh('a', 'true', { silenceBudget: '1500ms', timeLimit: '1h' })])
    expect(marks[0]).toMatchObject({ silenceBudgetNs: 1_500_000_000, timeLimitNs: 3_600_000_000_000 })
  })

  it('ends with the first step that fails, and its exit code', async () => {
    const log = await run([sh('one', 'true'), sh('two', 'echo oh; exit 7'), sh('three', 'echo never')])
    expect(log.code).toBe(7)
    expect(told(log.marks)).toEqual(['begin 1', 'end 1 exited 0', 'begin 2', 'end 2 exited 7', 'final exited 7'])
    expect(log.bytes.toString()).not.toContain('never')
  })

  it('ends with 128+n when a step is killed by signal n', async () => {
    const log = await run([sh('one', 'kill -SEGV $$'), sh('two', 'true')])
    expect(log.code).toBe(139)
    expect(told(log.marks)).toEqual(['begin 1', 'end 1 signalled 139', 'final signalled 139'])
    expect(log.marks.at(-1)?.line).toBe('killed by SIGSEGV')
  })

  it('stops a shell line at its first failing command', async () => {
    const log = await run([sh('one', 'echo a; false; echo b')])
    expect(log.code).toBe(1)
    expect(between(log, 1).toString()).toBe('a\n')
  })

  it('hands an argv to the program as it is', async () => {
    const argv = ['printf', '%s|', '$HOME', 'a b', '*', '', "'", '"', 'ü😀', 'tab\tline\nend', '`id`']
    const log = await run([{ name: 'one', argv }])
    expect(between(log, 1).toString()).toBe(`${argv.slice(2).join('|')}|\n`)
  })

  it('has names with any letters', async () => {
    const names = ['größe 😀', 'a "quoted" \\ name', `${'x'.repeat(63)}`]
    const log = await run(names.map((name) => sh(name, 'true')))
    expect(log.code).toBe(0)
    expect(log.marks.filter(({ mark }) => mark === 'begin').map(({ name }) => name)).toEqual(names)
  })

  it('may have 256 steps', async () => {
    const log = await run(Array.from({ length: 256 }, (_, i) => ({ name: `step ${i + 1}`, argv: ['true'] })))
    expect(log.code).toBe(0)
    expect(log.marks.length).toBe(513)
    expect(log.marks.at(-2)).toMatchObject({ mark: 'end', step: 256, of: 256, name: 'step 256' })
  })

  it('ends with 127 where a program is not there, and with 126 where it may not run', async () => {
    const missing = await run([sh('one', 'true'), { name: 'two', argv: ['no-such-program'] }])
    expect(missing.code).toBe(127)
    expect(missing.marks.at(-1)).toMatchObject({
      mark: 'final',
      outcome: 'not-started',
      exit: 127,
      line: 'cannot run "no-such-program": no such file or directory',
    })
    const forbidden = await run([{ name: 'one', argv: [fileOf('#!/bin/sh\n')] }])
    expect(forbidden.code).toBe(126)
  })

  it('needs no shell for its argv steps, and says so where a shell line has none', async () => {
    const root = mkdtempSync(join(folder, 'root-'))
    copyFileSync(guardPath(), join(root, 'guard'))
    chmodSync(join(root, 'guard'), 0o755)
    const steps = [{ name: 'version', argv: ['/guard', '--version'] }, sh('shell', 'true')]
    writeFileSync(join(root, 'steps.json'), JSON.stringify({ steps }))
    const flags = ['--dir', '/', '--allow-disk', '--region', 'build', '--steps', '/steps.json']
    const result = await new Promise<{ code: number | null; stdout: string }>((resolve, reject) => {
      const child = spawn('chroot', [root, '/guard', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
      let stdout = ''
      child.stdout.on('data', (chunk) => (stdout += chunk))
      child.on('error', reject)
      child.on('close', (code) => resolve({ code, stdout }))
    })
    const { marks } = read(Buffer.from(result.stdout))
    expect(result.stdout).toMatch(/^shm-guard \d+\.\d+\.\d+/m)
    expect(told(marks).filter((mark) => !mark.startsWith('note'))).toEqual([
      ...['begin 1', 'end 1 exited 0', 'begin 2', 'final not-started 127'],
    ])
    expect(marks.at(-1)?.line).toBe(
      'cannot run "/bin/sh": no such file or directory (a shell line needs /bin/sh in the image)',
    )
    expect(result.code).toBe(127)
  })

  it('goes on past what a step leaves running in the background', async () => {
    const began = performance.now()
    const log = await run([sh('one', 'sleep 8 & echo left'), sh('two', 'echo next')])
    expect(log.code).toBe(0)
    expect(performance.now() - began).toBeLessThan(6_000)
    expect([1, 2].map((step) => between(log, step).toString())).toEqual(['left\n', 'next\n'])
  })
})

describe('the marks of steps', () => {
  /** Each mark counts the bytes of the log before it. */
  function expectCounts(log: Log) {
    expect(log.marks.length).toBeGreaterThan(2)
    for (const mark of log.marks) expect(mark.written, `${mark.mark} ${mark.step}`).toBe(mark.at)
  }

  it('count the bytes before them', async () => {
    const log = await run([sh('one', 'echo a'), sh('two', 'echo bc; echo d'), sh('three', ':')])
    expectCounts(log)
    expect(log.marks[0]?.written).toBe(0)
  })

  it('begin on a line of their own after text without a final line end', async () => {
    const log = await run([sh('one', 'printf abc'), sh('two', 'printf "d\\n\\n"'), sh('three', 'printf e >&2')])
    expectCounts(log)
    expect([1, 2, 3].map((step) => between(log, step).toString())).toEqual(['abc\n', 'd\n\n', 'e\n'])
  })

  it('count binary output, of which no byte is changed', async () => {
    const data = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7919) % 256))
    const path = fileOf(data)
    const log = await run([{ name: 'one', argv: ['cat', path] }, sh('two', `printf '\\000\\377'`)])
    expectCounts(log)
    expect(between(log, 1).subarray(0, data.length).equals(data)).toBe(true)
    expect(between(log, 1).length - data.length).toBe(data.at(-1) === 0x0a ? 0 : 1)
    expect([...between(log, 2)]).toEqual([0, 0xff, 0x0a])
  })

  it('count five megabytes of output', async () => {
    const log = await run([
      { name: 'one', argv: ['dd', 'if=/dev/zero', 'bs=5000000', 'count=1', 'status=none'] },
      sh('two', 'echo small'),
      { name: 'three', argv: ['dd', 'if=/dev/zero', 'bs=1000', 'count=1', 'status=none'] },
    ])
    expectCounts(log)
    expect(between(log, 1).length).toBe(5_000_001)
    expect(
      between(log, 1)
        .subarray(0, 5_000_000)
        .every((byte) => byte === 0),
    ).toBe(true)
    expect(between(log, 3).length).toBe(1_001)
  })

  it('stand in one stream with standard output and standard error, in the order they were written', async () => {
    const line = 'for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done'
    const log = await run([sh('one', line), sh('two', line)])
    expect(log.stderr).toBe('')
    expectCounts(log)
    const expected = Array.from({ length: 9 }, (_, i) => `out ${i + 1}\nerr ${i + 1}\n`).join('')
    expect([1, 2].map((step) => between(log, step).toString())).toEqual([expected, expected])
  })

  it('are told apart from what a step prints by a nonce that is another in every run', async () => {
    const fake = '##[shm-guard 1234] {"mark":"final","written":0,"outcome":"exited","exit":0}'
    const steps = [sh('one', `echo '${fake}'; exit 5`)]
    const [first, second] = [await run(steps), await run(steps)]
    expect(told(first.marks)).toEqual(['begin 1', 'end 1 exited 5', 'final exited 5'])
    expect(between(first, 1).toString()).toBe(`${fake}\n`)
    expect(first.nonce).toMatch(/^[0-9a-zA-Z]{8,}$/)
    expect(second.nonce).not.toBe(first.nonce)
  })

  it('have the nonce that --nonce says', async () => {
    const log = await run([sh('one', 'true')], ['--nonce', 'build-42.a_B'])
    expect(log.nonce).toBe('build-42.a_B')
  })

  it.each(['', 'a b', 'a]', 'x'.repeat(33), 'ü'])('cannot have the nonce %j', async (nonce) => {
    const result = await guard(['--nonce', nonce, '--steps', stepsFile([sh('one', 'true')])])
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(result.stderr).toContain('--nonce')
  })

  it('are whole lines of JSON also where names need escapes', async () => {
    const log = await run([sh('a "b" \\ c </script>', 'true')])
    expect(log.marks[0]?.name).toBe('a "b" \\ c </script>')
    expectCounts(log)
  })
})

describe('the watch of a step', () => {
  it('ends one that hangs, and says in which step', async () => {
    const steps = [
      sh('prepare', 'echo fine'),
      sh('install', 'echo busy; exec sleep 60', { silenceBudget: '500ms' }),
      sh('test', 'echo never'),
    ]
    const log = await run(steps, ['--grace', '1s'])
    expect(log.code).toBe(120)
    expect(log.stderr).toBe('')
    expect(told(log.marks)).toEqual([
      ...['begin 1', 'end 1 exited 0', 'begin 2', 'note', 'end 2 stalled 120', 'final stalled 120'],
    ])
    const line = /^stalled: main last beat \S+ ago \(limit 500ms\) in phase "install"/
    expect(log.marks[3]?.text).toMatch(line)
    expect(log.marks[3]?.text).toContain('; sent SIGABRT to it')
    expect(log.marks.at(-1)?.line).toMatch(line)
  })

  it('leaves one alone that works without a word', async () => {
    const busy = 'import time\nend = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass'
    const log = await run([{ name: 'think', argv: ['python3', '-c', busy], silenceBudget: '500ms' }])
    expect(log.code).toBe(0)
    expect(told(log.marks)).toEqual(['begin 1', 'end 1 exited 0', 'final exited 0'])
  })

  it('ends one that is beyond its time limit, however busy', async () => {
    const steps = [sh('loop', 'while :; do echo on; sleep 0.02; done', { timeLimit: '600ms' }), sh('next', 'true')]
    const began = performance.now()
    const log = await run(steps)
    expect(log.code).toBe(124)
    expect(performance.now() - began).toBeLessThan(6_000)
    expect(told(log.marks)).toEqual(['begin 1', 'note', 'end 1 timed-out 124', 'final timed-out 124'])
    expect(log.marks[1]?.text).toBe(
      "timed out: beyond its time limit of 600ms; sent SIGTERM to the command's processes",
    )
    expect(log.marks[2]?.durationNs).toBeGreaterThanOrEqual(600_000_000)
  })

  it('counts the time limit anew for each step', async () => {
    const step = (name: string) => sh(name, 'sleep 0.4', { timeLimit: '2s' })
    const log = await run(['a', 'b', 'c', 'd', 'e', 'f'].map(step))
    expect(log.code).toBe(0)
  })

  it('kills one beyond its time limit that ignores SIGTERM, after --grace', async () => {
    const log = await run(
      [sh('deaf', "trap '' TERM; while :; do sleep 0.05 || :; done", { timeLimit: '300ms' })],
      ['--grace', '400ms'],
    )
    expect(log.code).toBe(124)
    expect(log.marks.find(({ text }) => text?.startsWith('not gone'))?.text).toBe(
      'not gone within the grace; sending SIGKILL',
    )
  })
})

describe('SIGTERM', () => {
  it('ends the step, and the list with 143', async () => {
    const { program } = start([sh('one', 'true'), sh('two', 'echo up; exec sleep 30'), sh('three', 'echo never')])
    await eventually(
      () => program.lines.includes('up'),
      (up) => up,
    )
    process.kill(program.pid, 'SIGTERM')
    expect(await program.ended).toEqual({ code: 143, signal: null })
    expect(told(marksOf(program))).toEqual([
      ...['begin 1', 'end 1 exited 0', 'begin 2', 'end 2 terminated 143', 'final terminated 143'],
    ])
    expect(program.lines).not.toContain('never')
  })

  it('that a step’s shell takes for a reason to exit 0 is 143 all the same', async () => {
    const log = join(folder, 'exit-0')
    const steps = [sh('one', "trap 'exit 0' TERM; echo up; while :; do sleep 0.05 || :; done"), sh('two', 'echo never')]
    const { program } = start(steps, [`--termination-log=${log}`])
    await eventually(
      () => program.lines.includes('up'),
      (up) => up,
    )
    process.kill(program.pid, 'SIGTERM')
    expect(await program.ended).toEqual({ code: 143, signal: null })
    expect(marksOf(program).at(-1)).toMatchObject({
      mark: 'final',
      outcome: 'terminated',
      exit: 143,
      line: 'exited with 0 after SIGTERM, which makes it 143',
    })
    expect(program.lines).not.toContain('never')
    expect(recordOf(log)).toMatchObject({ outcome: 'terminated', exit: 143, step: { number: 1, of: 2, name: 'one' } })
  })

  it('reaches all processes of the step', async () => {
    const path = join(folder, 'children')
    // Silent, or the shell's word on its killed child is one into the pipe of a guard that has ended.
    const child = (name: string) =>
      `(trap 'echo ${name} >>${path}; exit 0' TERM; echo up; exec >/dev/null 2>&1; while :; do sleep 0.05 || :; done) &`
    const { program } = start([sh('one', `${child('a')} ${child('b')} wait`)])
    await eventually(
      () => program.lines.filter((line) => line === 'up').length,
      (up) => up === 2,
    )
    process.kill(program.pid, 'SIGTERM')
    expect(await program.ended).toEqual({ code: 143, signal: null })
    const heard = () =>
      textOf(path)
        .split('\n')
        .filter((line) => line !== '')
        .sort()
    expect(await eventually(heard, (names) => names.length === 2)).toEqual(['a', 'b'])
  })

  it('that a step ignores is followed by SIGKILL after --grace', async () => {
    const log = join(folder, 'ignored')
    const steps = [sh('deaf', "trap '' TERM; echo up; while :; do sleep 0.05 || :; done")]
    const { program } = start(steps, ['--grace', '700ms', `--termination-log=${log}`])
    await eventually(
      () => program.lines.includes('up'),
      (up) => up,
    )
    const began = performance.now()
    process.kill(program.pid, 'SIGTERM')
    const interim = await eventually(
      () => textOf(log),
      (text) => text !== '',
    )
    expect(interim, 'written at once, as the kubelet may kill the guard next').toMatch(
      /^told to stop by SIGTERM; the command had not ended yet, step 1\/1 "deaf"\n/,
    )
    expect((await program.ended).code).toBe(137)
    expect(performance.now() - began).toBeGreaterThan(650)
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(marksOf(program).at(-1)).toMatchObject({ mark: 'final', exit: 137 })
    expect(recordOf(log)).toMatchObject({ exit: 137, line: 'killed by SIGKILL after SIGTERM' })
  })

  it('between two steps starts no other', async () => {
    const steps = Array.from({ length: 256 }, (_, i) => ({ name: `${i + 1}`, argv: ['true'] }))
    for (const after of [3, 20, 60]) {
      const { program } = start(steps)
      for (let i = 0; i < after; i++) await program.said('##[shm-guard ')
      process.kill(program.pid, 'SIGTERM')
      expect((await program.ended).code).toBe(143)
      const last = program.lines.at(-1) ?? ''
      expect(last).toMatch(/^##\[shm-guard \d+\] \{"mark":"final",/)
      expect(last).toContain('"outcome":"terminated","exit":143')
      expect(program.lines.filter((line) => line.includes('"name":"256"'))).toEqual([])
    }
  })
})

const textOf = (path: string) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
const recordOf = (path: string) => JSON.parse(textOf(path).split('\n')[1] ?? '')

describe('the record of steps in the termination log', () => {
  it('names the step that failed, and counts the output of all', async () => {
    const path = join(folder, 'failed')
    const log = await run(
      [sh('one', 'printf 12345'), sh('two', 'echo 678; exit 9'), sh('three', 'true')],
      [`--termination-log=${path}`],
    )
    expect(log.code).toBe(9)
    expect(textOf(path)).toMatch(/^exited with 9, step 2\/3 "two"\n\{.*\}\n$/)
    expect(recordOf(path)).toEqual({
      outcome: 'exited',
      exit: 9,
      verdict: 'healthy',
      line: 'exited with 9',
      step: { number: 2, of: 3, name: 'two' },
      outputBytes: 9,
      restarts: 0,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    })
    expect(Math.abs(Date.parse(recordOf(path).time) - Date.now())).toBeLessThan(60_000)
  })

  it('names the last step of a list that went through', async () => {
    const path = join(folder, 'through')
    writeFileSync(path, 'stalled: long ago, and longer than what comes now'.repeat(20))
    await run([sh('one', 'true'), sh('two', 'true')], [`--termination-log=${path}`])
    expect(recordOf(path)).toMatchObject({ outcome: 'exited', exit: 0, step: { number: 2, of: 2, name: 'two' } })
    expect(textOf(path).split('\n').length).toBe(3)
  })

  it('names the step that hung, its phase and why', async () => {
    const path = join(folder, 'hung')
    await run([sh('one', 'exec sleep 60', { silenceBudget: '400ms' })], ['--grace', '1s', `--termination-log=${path}`])
    expect(recordOf(path)).toMatchObject({
      outcome: 'stalled',
      exit: 120,
      verdict: 'stalled',
      phase: 'one',
      step: { number: 1, of: 1, name: 'one' },
      line: expect.stringContaining('in phase "one"'),
    })
  })

  it('says what is wrong with the file', async () => {
    const path = join(folder, 'broken')
    const file = fileOf('{}')
    await guard(['--steps', file, `--termination-log=${path}`])
    expect(recordOf(path)).toMatchObject({ outcome: 'not-started', exit: 2, line: expect.stringContaining(file) })
  })
})

describe('a file of steps', () => {
  const one = '{"name": "a", "argv": ["true"]}'
  const list = (...steps: string[]) => `{"steps": [\n${steps.join(',\n')}\n]}`
  const unknown = 'an unknown key: a step has name, argv or shell, silenceBudget, timeLimit'

  it.each<[string, string | Buffer, string]>([
    ['that is empty', '', 'line 1: a { was expected'],
    ['that is no JSON', 'steps:\n  - name: a\n', 'line 1: a { was expected'],
    ['that is a list', '[]', 'line 1: a { was expected'],
    ['with a byte order mark', `\ufeff${list(one)}`, 'line 1: a { was expected'],
    ['without steps', '{}', 'line 1: there are no steps'],
    ['with no step', '{"steps":\n[]}', 'line 2: there are no steps'],
    ['with another key', '{"stages": []}', 'line 1: the file holds one key, "steps"'],
    ['with steps twice', `{"steps": [${one}],\n"steps": [${one}]}`, 'line 2, step 1: the file holds one key, "steps"'],
    ['with something behind', `${list(one)}\n{}`, 'line 4, step 1: something follows the end'],
    ['that does not end', `{"steps": [\n${one}`, 'line 2, step 1: a , or ] was expected'],
    ['with a comma too many', `{"steps": [\n${one},\n]}`, 'line 3, step 2: a { was expected'],
    ['with a comment', `{"steps": [\n// one\n${one}]}`, 'line 2, step 1: a { was expected'],
    ['with a step that is a text', list(one, '"b"'), 'line 3, step 2: a { was expected'],
    ['with an unknown key', list(one, '{"name": "b",\n"run": "true"}'), `line 4, step 2: ${unknown}`],
    ['with a key in capitals', list('{"Name": "b"}'), `line 2, step 1: ${unknown}`],
    ['with a key twice', list('{"name": "b",\n"name": "c"}'), 'line 3, step 1: a key is there twice'],
    ['with a step without a name', list(one, '{"argv": ["true"]}'), 'line 3, step 2: "name" is missing'],
    ['with a step without a command', list('{"name": "a"}'), 'line 2, step 1: "argv" or "shell" is missing'],
    [
      'with argv and shell',
      list(one, one, '{"name": "a", "argv": ["true"], "shell": "true"}'),
      'line 4, step 3: "argv" and "shell": one of them',
    ],
    [
      'with shell and argv',
      list('{"name": "a", "shell": "true", "argv": ["true"]}'),
      'line 2, step 1: "argv" and "shell": one of them',
    ],
    ['with an empty argv', list('{"name": "a", "argv": []}'), 'line 2, step 1: "argv" names no program'],
    ['with an empty program', list('{"name": "a", "argv": ["", "b"]}'), 'line 2, step 1: "argv" names no program'],
    ['with a number in argv', list('{"name": "a", "argv": ["b", 1]}'), 'line 2, step 1: a string was expected'],
    ['with an argv that is a text', list('{"name": "a", "argv": "true"}'), 'line 2, step 1: a [ was expected'],
    [
      'with 1,025 words',
      list(`{"name": "a", "argv": [${'"a",'.repeat(1024)}"a"]}`),
      'line 2, step 1: "argv" has more than 1024 words',
    ],
    ['with an empty name', list('{"name": "", "argv": ["a"]}'), 'line 2, step 1: "name" is no line of 1 to 63 bytes'],
    [
      'with a name of 64 bytes',
      list(`{"name": "${'x'.repeat(64)}"}`),
      'line 2, step 1: "name" is no line of 1 to 63 bytes',
    ],
    [
      'with a name of two lines',
      list('{"name": "a\\nb", "argv": ["a"]}'),
      'line 2, step 1: "name" is no line of 1 to 63 bytes',
    ],
    [
      'with a budget that is no duration',
      list(one, '{"name": "b", "silenceBudget": "soon"}'),
      'line 3, step 2: "silenceBudget" is no duration (say "5m")',
    ],
    [
      'with a budget of nothing',
      list('{"name": "b", "silenceBudget": "0s"}'),
      'line 2, step 1: "silenceBudget" is no duration (say "5m")',
    ],
    [
      'with a budget that is a number',
      list('{"name": "b", "silenceBudget": 5}'),
      'line 2, step 1: a string was expected',
    ],
    [
      'with a negative limit',
      list('{"name": "b", "timeLimit": "-5m"}'),
      'line 2, step 1: "timeLimit" is no duration (say "30m")',
    ],
    ['with 257 steps', list(...Array.from({ length: 257 }, () => one)), 'line 258, step 257: more than 256 steps'],
    ['with lists in lists', `{"steps": ${'['.repeat(100_000)}`, 'line 1, step 1: a { was expected'],
    ['with objects in objects', `${'{"steps":'.repeat(20_000)}`, 'line 1: a [ was expected'],
    ['with half a pair', list('{"name": "\\ud83d"}'), 'line 2, step 1: half a surrogate pair'],
    ['with the other half', list('{"name": "\\ude00"}'), 'line 2, step 1: half a surrogate pair'],
    ['with two first halves', list('{"name": "\\ud83d\\ud83d"}'), 'line 2, step 1: half a surrogate pair'],
    ['with three digits', list('{"name": "\\u12"}'), 'line 2, step 1: no four digits behind \\u'],
    ['with an unknown escape', list('{"name": "\\x41"}'), 'line 2, step 1: an unknown escape in a string'],
    ['with an escaped NUL', list('{"name": "a\\u0000b"}'), 'line 2, step 1: a NUL in a string'],
    ['with a NUL in a string', list('{"name": "a\0b"}'), 'line 2, step 1: a control character in a string'],
    ['with a NUL between', `{"steps":\0[${one}]}`, 'line 1: a [ was expected'],
    ['with a line end in a string', list('{"name": "a\nb"}'), 'line 2, step 1: a control character in a string'],
    ['with a string that does not end', '{"steps": [\n{"name": "a', 'line 2, step 1: a string does not end'],
    ['with an escape at its end', '{"steps": [\n{"name": "a\\', 'line 2, step 1: a string does not end'],
    ['of random bytes', Buffer.from('80ff00fe3d0a', 'hex'), 'line 1: a { was expected'],
  ])('%s is refused, with its place', async (_, content, why) => {
    const path = fileOf(content)
    const region = uniqueRegion()
    const result = await guard(['--region', region, '--steps', path])
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: `shm-guard: --steps ${path}, ${why}\n` })
    expect((await probe(['--region', region, '--startup-grace', '0'])).stdout).toMatch(/^missing: /)
  })

  it('that is longer than 256 KiB is refused; up to that it may be padded', async () => {
    const padded = (bytes: number) => fileOf(list(one).padEnd(bytes, ' '))
    const long = padded(256 * 1024 + 1)
    expect(await guard(['--region', uniqueRegion(), '--steps', long])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `shm-guard: --steps ${long}: longer than 256 KiB\n`,
    })
    expect(await guard(['--region', uniqueRegion(), '--steps', padded(256 * 1024)])).toMatchObject({ code: 0 })
  })

  it('full of escapes is read as any JSON reader has it', async () => {
    const text = list(
      '{"\\u006eame": "\\u0061\\ud83d\\ude00\\/\\"\\\\", "argv": ["printf", "%s|", "\\b\\f\\n\\r\\t", "\\u00e9\\u20ac\\ud83d\\ude00", "\\u0041"]}',
    )
    const expected = JSON.parse(text).steps[0] as { name: string; argv: string[] }
    const log = await run([JSON.parse(text).steps[0]])
    const path = fileOf(text)
    const result = await guard(['--region', uniqueRegion(), '--steps', path])
    expect(result.code).toBe(0)
    expect(result.stdout).toContain(`\n${expected.argv.slice(2).join('|')}|\n`)
    expect(between(log, 1).toString()).toBe(`${expected.argv.slice(2).join('|')}|\n`)
    expect(result.stdout).toContain(`"name":${JSON.stringify(expected.name)}`)
  })

  it('that is not there, a folder or unreadable is refused with the reason', async () => {
    const refused = async (path: string, wrapper: string[] = []) => {
      const { code, stdout, stderr } = await guard(['--region', uniqueRegion(), '--steps', path], { wrapper })
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      return stderr.replace(path, 'PATH')
    }
    expect(await refused(join(folder, 'nowhere'))).toBe('shm-guard: --steps PATH: no such file or directory\n')
    expect(await refused(folder)).toBe('shm-guard: --steps PATH: is a directory\n')
    expect(await refused(join(fileOf(''), 'below'))).toBe('shm-guard: --steps PATH: not a directory\n')
    const secret = fileOf(list(one))
    chmodSync(secret, 0)
    // Root may read everything; without its capabilities it may not.
    const plain = ['setpriv', '--inh-caps=-all', '--bounding-set=-all']
    expect(await refused(secret, plain)).toBe('shm-guard: --steps PATH: permission denied\n')
  })

  it('that is a FIFO without a writer, or with one that writes nothing, is refused and not waited for', async () => {
    const fifo = join(folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    const silent = await guard(['--region', uniqueRegion(), '--steps', fifo], { timeoutMs: 5_000 })
    expect(silent).toMatchObject({ code: 2, stdout: '' })
    expect(silent.stderr).toContain(`--steps ${fifo}`)
    const writer = openSync(fifo, 'r+')
    try {
      const held = await guard(['--region', uniqueRegion(), '--steps', fifo], { timeoutMs: 5_000 })
      expect(held).toMatchObject({ code: 2, stdout: '' })
      expect(held.stderr).toContain(`--steps ${fifo}`)
      expect(held.stderr, 'the reason is that there is nothing to read yet').not.toContain('processes')
    } finally {
      closeSync(writer)
    }
  })

  it.each([
    [['--steps', 'FILE', '--', 'true'], '--steps and a command: one of them'],
    [['--steps', 'FILE', '--restart', '1'], '--steps are not restarted: no --restart'],
    [['--steps', 'FILE', '--notify'], '--steps stamp by progress: no --notify'],
  ])('goes not with %j', async (args, why) => {
    const path = fileOf(list(one))
    const result = await guard(args.map((word) => (word === 'FILE' ? path : word)))
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: `shm-guard: ${why}\n` })
  })
})

describe('a list of steps', () => {
  const run = (steps: Step[], flags: string[] = []) =>
    startGuard(['--region', uniqueRegion(), ...flags, '--steps', stepsFile(steps)])

  it('ends at a SIGINT too, also if its step then exits 0: 130', async () => {
    const program = run([sh('one', 'trap "exit 0" INT; echo up; sleep 5 & wait'), sh('two', 'echo never')])
    await program.said('up')
    const { code } = await program.kill('SIGINT')
    expect(code).toBe(130)
    expect(program.lines.join()).not.toContain('never')
  })

  it('has one grace, however often it is told to stop', async () => {
    const program = run([sh('deaf', 'trap "" TERM; echo up; while :; do sleep 0.1; done')], ['--grace', '1s'])
    await program.said('up')
    const began = performance.now()
    const again = setInterval(() => process.kill(program.pid, 'SIGTERM'), 300)
    const { code } = await program.kill('SIGTERM').finally(() => clearInterval(again))
    expect(code).toBe(137)
    expect(performance.now() - began).toBeLessThan(2_500)
  })

  it('finds a step that hangs beside what an earlier one left busy', async () => {
    const program = run([
      sh('busy', 'python3 -c "while True: pass" > /dev/null 2>&1 & sleep 0.2'),
      { name: 'hung', argv: ['sleep', '60'], silenceBudget: '1s' },
    ])
    expect(await program.ended).toMatchObject({ code: 120 })
  })

  it('gives each step a pipe that blocks, whatever the one before made of it', async () => {
    const nonblocking = 'import fcntl,os; fcntl.fcntl(1, fcntl.F_SETFL, os.O_WRONLY | os.O_NONBLOCK)'
    const file = stepsFile([{ name: 'one', argv: ['python3', '-c', nonblocking] }, sh('two', 'seq 400000')])
    const found = await guard(['--region', uniqueRegion(), '--steps', file])
    expect(found.code).toBe(0)
    expect(found.stdout.split('\n').filter((line) => /^\d+$/.test(line))).toHaveLength(400_000)
  })
})
