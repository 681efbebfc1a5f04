import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { guard, startGuard } from '../support/guard.js'
import { only } from '../support/held.js'
import { marked } from '../support/left-behind.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'
import { folder, marksOf, read, recordOf, type Step, sh, start, stepsFile, textOf, told } from '../support/steps.js'
import { until, untilHolds } from '../support/until.js'

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
