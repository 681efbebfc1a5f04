import { spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { guard, startGuard } from '../support/guard.js'
import { only } from '../support/held.js'
import { marked } from '../support/left-behind.js'
import { probe } from '../support/probe.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'
import {
  between,
  fileOf,
  folder,
  marksOf,
  read,
  recordOf,
  run,
  type Step,
  sh,
  start,
  stepsFile,
  textOf,
  told,
} from '../support/steps.js'
import { until, untilHolds } from '../support/until.js'

describe.concurrent('a list of steps', () => {
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
    expect(only(region), 'five minutes by default').toMatchObject({ phase: 'compile', limitMs: 300_000 })
    program.tell('')
    expect(await program.ended).toEqual({ code: 0, signal: null })
    expect(only(region)).toMatchObject({ state: 'stopped' })
  })

  it('takes --max-age for the budget of steps that have none, and --name for the worker', async () => {
    const { region, program } = start([sh('one', 'echo up; read go')], ['--max-age', '77s', '--name', 'build'])
    await program.said('up')
    expect(only(region)).toMatchObject({ name: 'build', phase: 'one', limitMs: 77_000 })
  })

  it('writes budget and limit into the begin mark', async () => {
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

  it('needs no shell for its argv steps, and tells so where a shell line has none', async () => {
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
    const log = await run([sh('one', 'sleep 120 & echo left'), sh('two', 'echo next')])
    expect(log.code).toBe(0)
    expect([1, 2].map((step) => between(log, step).toString())).toEqual(['left\n', 'next\n'])
  })
})

describe.concurrent('the watch of a step', () => {
  it('ends one that hangs, and tells in which step', async () => {
    const steps = [
      sh('prepare', 'echo fine'),
      sh('install', 'echo busy; exec sleep 60', { silenceBudget: '200ms' }),
      sh('test', 'echo never'),
    ]
    const log = await run(steps, ['--grace', '1s'])
    expect(log.code).toBe(120)
    expect(log.stderr).toBe('')
    expect(told(log.marks)).toEqual([
      ...['begin 1', 'end 1 exited 0', 'begin 2', 'note', 'end 2 stalled 120', 'final stalled 120'],
    ])
    const line = /^stalled: main last beat \S+ ago \(limit 200ms\) in phase "install"/
    expect(log.marks[3]?.text).toMatch(line)
    expect(log.marks[3]?.text).toContain('; sent SIGABRT to it')
    expect(log.marks.at(-1)?.line).toMatch(line)
  })

  it('leaves one alone that works without output', async () => {
    const { region, program } = start([
      { name: 'think', argv: [...python, '-c', 'while True: pass'], silenceBudget: '2s' },
      sh('next', 'echo never'),
    ])
    // The first beat is that of the start.
    const beats = () => (program.lines.length === 0 ? 0 : only(region).beats)
    await untilHolds('progress by CPU', beats, (count) => count >= 3)
    process.kill(program.pid, 'SIGTERM')
    expect(await program.ended).toEqual({ code: 143, signal: null })
    expect(told(marksOf(program))).toEqual(['begin 1', 'end 1 terminated 143', 'final terminated 143'])
  })

  it('ends one that is beyond its time limit, however busy', async () => {
    const steps = [sh('loop', 'while :; do echo on; sleep 0.02; done', { timeLimit: '300ms' }), sh('next', 'true')]
    const log = await run(steps)
    expect(log.code).toBe(124)
    expect(told(log.marks)).toEqual(['begin 1', 'note', 'end 1 timed-out 124', 'final timed-out 124'])
    expect(log.marks[1]?.text).toBe(
      "timed out: beyond its time limit of 300ms; sent SIGTERM to the command's processes",
    )
    expect(log.marks[2]?.durationNs).toBeGreaterThanOrEqual(300_000_000)
  })

  it('counts the time limit anew for each step', async () => {
    const step = (name: string) => sh(name, 'sleep 0.4', { timeLimit: '2s' })
    const log = await run(['a', 'b', 'c', 'd', 'e', 'f'].map(step))
    expect(log.code).toBe(0)
  })

  it('kills one beyond its time limit that ignores SIGTERM, after --grace', async () => {
    const log = await run(
      [sh('deaf', "trap '' TERM; while :; do sleep 0.05 || :; done", { timeLimit: '200ms' })],
      ['--grace', '200ms'],
    )
    expect(log.code).toBe(124)
    expect(log.marks.find(({ text }) => text?.startsWith('not gone'))?.text).toBe(
      'not gone within the grace; sending SIGKILL',
    )
  })
})

describe.concurrent('SIGTERM', () => {
  it('ends the step, and the list with 143', async () => {
    const { program } = start([sh('one', 'true'), sh('two', 'echo up; exec sleep 30'), sh('three', 'echo never')])
    await until('the step is up', () => program.lines.includes('up'))
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
    await until('the step is up', () => program.lines.includes('up'))
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
    await untilHolds(
      'both children are up',
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
    expect(await untilHolds('both have heard it', heard, (names) => names.length === 2)).toEqual(['a', 'b'])
  })

  it('that a step ignores is followed by SIGKILL after --grace', async () => {
    const log = join(folder, 'ignored')
    const steps = [sh('deaf', "trap '' TERM; echo up; while :; do sleep 0.05 || :; done")]
    const { program } = start(steps, ['--grace', '400ms', `--termination-log=${log}`])
    await until('the step is up', () => program.lines.includes('up'))
    const began = performance.now()
    process.kill(program.pid, 'SIGTERM')
    const interim = await until('the interim record', () => textOf(log) || undefined)
    expect(interim, 'written at once, as the kubelet may kill the guard next').toMatch(
      /^told to stop by SIGTERM; the command had not ended yet, step 1\/1 "deaf"\n/,
    )
    expect((await program.ended).code).toBe(137)
    expect(performance.now() - began).toBeGreaterThan(390)
    expect(marksOf(program).at(-1)).toMatchObject({ mark: 'final', exit: 137 })
    expect(recordOf(log)).toMatchObject({ exit: 137, line: 'killed by SIGKILL after SIGTERM' })
  })

  it('between two steps starts no other', async () => {
    const steps = Array.from({ length: 256 }, (_, i) => ({ name: `${i + 1}`, argv: ['true'] }))
    for (const after of [3, 20]) {
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

describe.concurrent('a list of steps', () => {
  const run = (steps: Step[], flags: string[] = []) =>
    startGuard(['--region', uniqueRegion(), ...flags, '--steps', stepsFile(steps)], marked)

  it('ends at a SIGINT too, also if its step then exits 0: 130', async () => {
    const program = run([sh('one', 'trap "exit 0" INT; echo up; sleep 60 & wait'), sh('two', 'echo never')])
    await program.said('up')
    const { code } = await program.kill('SIGINT')
    expect(code).toBe(130)
    expect(program.lines.join()).not.toContain('never')
  })

  it('is terminated, and not failed, if an agent sends the SIGTERM to each process, and twice to the first', async () => {
    // As Kata's agent does until kata-containers#13163: the step may have died before the guard hears of it.
    const program = run([sh('one', 'echo up $$; exec sleep 60'), sh('two', 'echo never')])
    const step = Number(await program.said('up'))
    process.kill(step, 'SIGTERM')
    process.kill(program.pid, 'SIGTERM')
    process.kill(program.pid, 'SIGTERM')
    expect((await program.ended).code).toBe(143)
    expect(program.lines.at(-1)).toContain('"outcome":"terminated","exit":143')
    expect(program.lines.join()).not.toContain('never')
  })

  it('is not hastened by the second SIGTERM of such an agent', async () => {
    const program = run([sh('one', 'trap "sleep 0.5; echo saved; exit 0" TERM; echo up; while :; do sleep 0.02; done')])
    await program.said('up')
    process.kill(program.pid, 'SIGTERM')
    process.kill(program.pid, 'SIGTERM')
    expect((await program.ended).code).toBe(143)
    expect(program.lines.join()).toContain('saved')
  })

  it('has one grace, however often it is told to stop', async () => {
    const program = run([sh('deaf', 'trap "" TERM; echo up; while :; do sleep 0.1; done')], ['--grace', '500ms'])
    await program.said('up')
    // A grace that began anew each time would never end.
    const again = setInterval(() => process.kill(program.pid, 'SIGTERM'), 100)
    const { code } = await program.kill('SIGTERM').finally(() => clearInterval(again))
    expect(code).toBe(137)
  })

  it('finds a step that hangs beside what an earlier one left busy', async () => {
    const program = run([
      // The guard tells processes by the clock tick (10 ms) in which they were started: the step outlasts one.
      sh('busy', '{ while :; do :; done; } > /dev/null 2>&1 & sleep 0.05'),
      { name: 'hung', argv: ['sleep', '60'], silenceBudget: '300ms' },
    ])
    expect(await program.ended).toMatchObject({ code: 120 })
  })

  const hung = { name: 'hung', argv: ['sleep', '60'], silenceBudget: '1s' }

  it.each([
    // Each of these made progress of the next step, for ever.
    ['talking', '(while :; do echo tick; sleep 0.1; done) & echo left'],
    ['starting processes', '(while :; do ls / /usr > /dev/null; done) & echo left'],
    ['orphaning processes', '(while :; do (sh -c "ls / /usr" > /dev/null &); sleep 0.01; done) & echo left'],
  ])('finds a step that hangs beside what an earlier one left %s', async (_what, line) => {
    const program = run([sh('busy', line), hung])
    expect(await program.ended).toMatchObject({ code: 120 })
    expect(told(marksOf(program)).slice(-2)).toEqual(['end 2 stalled 120', 'final stalled 120'])
  })

  it('passes on what a leftover prints, also once its step has ended', async () => {
    const program = run([sh('talks', '(while :; do echo tick; sleep 0.1; done) & echo left'), hung])
    await program.ended
    const { written = 0 } = marksOf(program).find(({ mark, step }) => mark === 'begin' && step === 2) ?? {}
    const log = `${program.lines.join('\n')}\n`
    expect(log.slice(written)).toContain('\ntick\n')
    // Its bytes are counted in the marks, too.
    for (const mark of marksOf(program)) expect(mark.written).toBe(mark.at)
  })

  it('loses nothing of any step, whatever many of them leave running', async () => {
    const many = Array.from({ length: 80 }, (_, i) => sh(`${i}`, `sleep 60 & echo out ${i}; printf "end ${i}"`))
    const program = run(many)
    expect((await program.ended).code).toBe(0)
    const log = read(Buffer.from(`${program.lines.join('\n')}\n`))
    expect(log.marks.length).toBe(161)
    for (const mark of log.marks) expect(mark.written).toBe(mark.at)
    for (const [i] of many.entries()) {
      expect(program.lines).toContain(`out ${i}`)
      expect(program.lines).toContain(`end ${i}`)
    }
  })

  it('lives by what its own step has left behind: orphans in its group, and a daemon in a session', async () => {
    const burns = `${python.join(' ')} -c "while True: pass" > /dev/null 2>&1`
    for (const line of [`(${burns} &) ; exec sleep 60`, `(setsid ${burns} &) ; exec sleep 60`]) {
      const { region, program } = start([
        sh('first', 'true'),
        sh('daemon', `echo up; ${line}`, { silenceBudget: '2s' }),
      ])
      await program.said('up')
      await untilHolds(
        'progress',
        () => only(region).beats,
        (beats) => beats >= 5,
      )
      await program.kill('SIGTERM')
    }
  })

  it('gives each step a pipe that blocks, whatever the one before made of it', async () => {
    const nonblocking = 'import fcntl,os; fcntl.fcntl(1, fcntl.F_SETFL, os.O_WRONLY | os.O_NONBLOCK)'
    const file = stepsFile([{ name: 'one', argv: [...python, '-c', nonblocking] }, sh('two', 'seq 200000')])
    const found = await guard(['--region', uniqueRegion(), '--steps', file])
    expect(found.code).toBe(0)
    expect(found.stdout.split('\n').filter((line) => /^\d+$/.test(line))).toHaveLength(200_000)
  })
})
