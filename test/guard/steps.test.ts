import { spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { only } from '../support/held.js'
import { probe } from '../support/probe.js'
import { python } from '../support/python.js'
import { between, fileOf, folder, marksOf, read, run, sh, start, told } from '../support/steps.js'
import { untilHolds } from '../support/until.js'

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
