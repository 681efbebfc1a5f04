import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.js'
import { guard, startGuard } from '../support/guard.js'
import { only } from '../support/held.js'
import { probe } from '../support/probe.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { checks, wordOf } from '../support/scene.js'

const folder = mkdtempSync(join(tmpdir(), 'progress-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A limit that a command on a busy machine keeps, if it makes any progress at all. */
const limit = ['--max-age', '600ms', '--interval', '10ms', '--grace', '1s']

const python = (program: string) => ['python3', '-c', program]
const shell = (lines: string) => ['sh', '-c', lines]
const forSeconds = (seconds: number, work: string) =>
  `import os, subprocess, time\nend = time.monotonic() + ${seconds}\nwhile time.monotonic() < end:\n    ${work}`

/** Three times the limit, so that only what counts as progress lives through it. */
const long = 1.8

const run = (list: string, command: string[]) =>
  guard(['--region', uniqueRegion(), '--progress', list, ...limit, '--', ...command])

const stalled = { code: 120, stderr: expect.stringContaining('shm-guard: stalled: main last beat ') }
const through = { code: 0, stderr: '' }

/** What makes progress of each kind, and nothing else that would. */
/** Not by a shell: what it takes to start a sleep ten times a second is use of CPU. */
const talks = python(forSeconds(long, 'os.write(1, b"on\\n"); time.sleep(0.1)'))
const thinks = python(forSeconds(long, 'pass'))
const moves = python(
  `${forSeconds(long, 'os.read(zero, 65536); time.sleep(0.02)').replace('end =', 'zero = os.open("/dev/zero", os.O_RDONLY); end =')}`,
)
const steps =
  'i=0; while [ $i -lt 18 ]; do dd if=/dev/zero of=/dev/null bs=16384 count=1 status=none; sleep 0.1; i=$((i+1)); done'
const sleeps = shell('exec sleep 30')

describe('progress by output', () => {
  it('lets a command live that talks, on either stream', async () => {
    const [output, errors] = await Promise.all([
      run('output', talks),
      run('output', ['sh', '-c', 'exec "$@" >&2', 'sh', ...talks]),
    ])
    expect(output).toMatchObject(through)
    expect(errors.code).toBe(0)
    expect(errors.stderr).not.toContain('shm-guard')
  })

  it('ends a command that is silent, however busy', async () => {
    expect(await run('output', thinks)).toMatchObject(stalled)
  })

  it('ends a command that falls silent', async () => {
    const result = await run('output', shell('for i in 1 2 3; do echo $i; sleep 0.3; done; exec sleep 30'))
    expect(result).toMatchObject({ ...stalled, stdout: '1\n2\n3\n' })
    expect(result.ms).toBeGreaterThan(1_150)
  })

  it('counts those whose parents have gone', async () => {
    const talk = 'for i in 1 2 3 4 5 6; do echo $i >&3; sleep 0.3; done'
    expect(await run('output', shell(`exec 3>&1; { (setsid sh -c '${talk}' &); } | cat`))).toMatchObject({
      ...through,
      stdout: '1\n2\n3\n4\n5\n6\n',
    })
  })

  it('counts output without a line end', async () => {
    expect(await run('output', shell('for i in 1 2 3 4 5 6; do printf .; sleep 0.3; done'))).toMatchObject({
      ...through,
      stdout: '......',
    })
  })
})

describe('progress by CPU', () => {
  it('lets a command live that thinks', async () => {
    expect(await run('cpu', thinks)).toMatchObject(through)
  })

  it('counts the child of a child', async () => {
    const child = `python3 -c '${forSeconds(long, 'pass')}'; exit $?`
    expect(await run('cpu', ['sh', '-c', 'sh -c "$1"; exit $?', 'sh', child])).toMatchObject(through)
  })

  it('counts those whose parents have gone', async () => {
    const orphan = shell(`{ (setsid python3 -c '${forSeconds(long, 'pass')}' &); } | cat`)
    expect(await run('cpu', orphan)).toMatchObject(through)
  })

  it('counts many children that live for a moment each', async () => {
    const work = forSeconds(long, 'subprocess.run(["true"])')
    expect(await run('cpu', python(work))).toMatchObject(through)
  })

  it('does not count output', async () => {
    expect(await run('cpu', talks)).toMatchObject(stalled)
  })

  it('ends a command that sleeps', async () => {
    const result = await run('cpu', sleeps)
    expect(result).toMatchObject(stalled)
    expect(result.stderr).toMatch(/ last beat [678]\d\d(\.\d+)?ms ago \(limit 600ms\), pid \d+ S \(sleeping\)/)
  })

  it('ends a command that hangs but wakes now and then', async () => {
    const result = await run('cpu', python('import time\nwhile True: time.sleep(0.2)'))
    expect(result).toMatchObject(stalled)
    expect(result.ms).toBeLessThan(6_000)
  })

  it('ends a command whose children all wait', async () => {
    expect(await run('cpu', shell('sleep 30 & sleep 30 & sleep 30 & wait'))).toMatchObject(stalled)
  })

  it('ends a command that is stopped by a signal', async () => {
    expect(await run('cpu', shell('kill -STOP $$'))).toMatchObject(stalled)
  })
})

describe('progress by I/O', () => {
  it('lets a command live that moves bytes', async () => {
    expect(await run('io', moves)).toMatchObject(through)
  })

  it('counts dd in small steps, a child for each', async () => {
    expect(await run('io', shell(steps))).toMatchObject(through)
  })

  it('counts those whose parents have gone', async () => {
    const orphan = shell(`{ (setsid sh -c '${steps}' &); } | cat`)
    expect(await run('io', orphan)).toMatchObject(through)
  })

  it('does not count thinking', async () => {
    expect(await run('io', thinks)).toMatchObject(stalled)
  })

  it('ends a command that sleeps', async () => {
    expect(await run('io', sleeps)).toMatchObject(stalled)
  })

  it('ends a command that hangs but reads a few bytes now and then', async () => {
    const trickle =
      'import os, time\nzero = os.open("/dev/zero", os.O_RDONLY)\nwhile True: os.read(zero, 100); time.sleep(0.2)'
    expect(await run('io', python(trickle))).toMatchObject(stalled)
  })
})

describe('progress by several', () => {
  it.each([
    ['output', talks],
    ['CPU', thinks],
    ['I/O', moves],
  ])('lets a command live that makes %s alone', async (_, command) => {
    expect(await run('output,cpu,io', command)).toMatchObject({ code: 0, stderr: '' })
  })

  it('counts none that was not asked for', async () => {
    expect(await run('output,io', thinks)).toMatchObject(stalled)
    expect(await run('output,cpu', moves)).toMatchObject(stalled)
  })

  it('ends a command that makes none', async () => {
    const result = await run('output,cpu,io', python('import time\nwhile True: time.sleep(0.2)'))
    expect(result).toMatchObject(stalled)
  })

  it('finds the hang after much of everything', async () => {
    const work = `${forSeconds(1, 'os.write(1, b"x" * 4096)')}\ntime.sleep(30)`
    const result = await run('output,cpu,io', python(work))
    expect(result).toMatchObject(stalled)
    expect(result.ms).toBeGreaterThan(1_500)
    expect(result.ms).toBeLessThan(8_000)
  })

  it('does not save a worker of its own that stalls', async () => {
    const region = uniqueRegion()
    const program = startGuard([
      ...[
        '--region',
        region,
        '--progress',
        'output,cpu',
        '--max-age',
        '30s',
        '--interval',
        '10ms',
        '--grace',
        '1s',
        '--',
      ],
      ...['node', '--input-type=module', '-e'],
      `import { Heartbeat } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
       const heartbeat = Heartbeat.claim({ region: ${JSON.stringify(region)}, name: 'grabber', maxAge: '600ms' })
       heartbeat.beat(); console.log('up'); for (;;) {}`,
    ])
    await program.said('up')
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(program.stderr).toMatch(
      /^shm-guard: stalled: grabber last beat \S+ ago \(limit 600ms\), pid \d+ R \(running\)/m,
    )
  })
})

describe('a command under --progress', () => {
  it('is a ready worker at once, under its own pid', async () => {
    const region = uniqueRegion()
    const program = startGuard(['--region', region, '--progress', 'cpu', '--', 'sh', '-c', 'echo $$; read go'])
    const pid = Number(await program.said(''))
    const all = await Promise.all(checks.map((check) => probe(['--region', region, '--check', check])))
    expect(all.map(wordOf)).toEqual(['pass', 'pass', 'pass'])
    expect(only(region), 'five minutes if nothing is said').toMatchObject({ name: 'main', pid, maxAgeMs: 300_000 })
  })

  it('beats while it makes progress, and else not', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--progress', 'output', '--interval', '5ms']
    const program = startGuard([...flags, '--', 'sh', '-c', 'while read line; do echo $line; done'])
    program.tell('up')
    await program.said('up')
    const beats = () => only(region).beats
    expect(await eventually(beats, (count) => count === 2)).toBe(2)
    for (const line of ['a', 'b', 'c']) {
      const before = beats()
      program.tell(line)
      await program.said(line)
      expect(await eventually(beats, (count) => count > before)).toBe(before + 1)
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(beats()).toBe(5)
  })

  it.each(['', 'disk', 'output;cpu', 'OUTPUT', 'output cpu'])('takes no list %j', async (list) => {
    const result = await guard(['--progress', list, '--', 'true'])
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(result.stderr).toContain('--progress')
  })

  it('goes not with --notify, nor without a command', async () => {
    const both = await guard(['--progress', 'cpu', '--notify', '--', 'true'])
    expect(both).toMatchObject({
      code: 2,
      stderr: 'shm-guard: --notify and --progress both stamp for the command: one of them\n',
    })
    expect(await guard(['--progress', 'cpu', '--listen', '127.0.0.1:0'])).toMatchObject({ code: 2 })
  })

  it('keeps its own streams where output is not watched', async () => {
    const path = join(folder, 'own-streams')
    const fd = openSync(path, 'w')
    const seen = await new Promise<string>((resolve, reject) => {
      const args = ['--region', uniqueRegion(), '--progress', 'cpu,io', '--', 'readlink', '/proc/self/fd/2']
      const child = spawn(guardPath(), args, { stdio: ['ignore', 'pipe', fd] })
      let stdout = ''
      child.stdout?.on('data', (chunk) => (stdout += chunk))
      child.on('error', reject)
      child.on('close', () => resolve(stdout))
    })
    closeSync(fd)
    expect(seen).toBe(`${path}\n`)
  })
})

describe('a region that is removed under the guard', () => {
  it('is claimed anew, so that a hang is still found', async () => {
    const region = uniqueRegion()
    const program = startGuard([
      '--region',
      region,
      '--progress',
      'output',
      '--max-age',
      '2s',
      '--',
      'sh',
      '-c',
      'echo up; exec sleep 60',
    ])
    await program.said('up')
    rmSync(pathOf(region))
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(program.stderr).toContain(`the region ${region} was removed or cut short; claiming anew\n`)
  })
})
