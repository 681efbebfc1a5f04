import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { between, fileOf, folder, type Log, recordOf, run, sh, stepsFile, textOf, told } from '../support/steps.js'

describe.concurrent('the marks of steps', () => {
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

  it('have the nonce of --nonce', async () => {
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

describe.concurrent('the record of steps in the termination log', () => {
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
      written: log.marks.at(-1)?.at,
      restarts: 0,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    })
    expect(Math.abs(Date.parse(recordOf(path).time) - Date.now())).toBeLessThan(60_000)
  })

  it('says how long the log is before its final mark, also where the output has no line end', async () => {
    const path = join(folder, 'written')
    const log = await run(
      [sh('one', 'printf 12345'), { name: 'two', argv: ['no-such-program'] }],
      [`--termination-log=${path}`],
    )
    expect(recordOf(path).written).toBe(log.marks.at(-1)?.at)
    expect(log.marks.at(-1)).toMatchObject({ mark: 'final', outcome: 'not-started' })
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
    await run([sh('one', 'exec sleep 60', { silenceBudget: '200ms' })], [`--termination-log=${path}`])
    expect(recordOf(path)).toMatchObject({
      outcome: 'stalled',
      exit: 120,
      verdict: 'stalled',
      phase: 'one',
      step: { number: 1, of: 1, name: 'one' },
      line: expect.stringContaining('in phase "one"'),
    })
  })

  it('tells what is wrong with the file', async () => {
    const path = join(folder, 'broken')
    const file = fileOf('{}')
    await guard(['--steps', file, `--termination-log=${path}`])
    expect(recordOf(path)).toMatchObject({ outcome: 'not-started', exit: 2, line: expect.stringContaining(file) })
  })
})
