import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { afterAll, describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { only } from '../support/held.js'
import { claimByte, holdLock } from '../support/lock-holder.js'
import { probe } from '../support/probe.js'
import {
  hangs,
  lives,
  loop,
  moves,
  orphaned,
  run,
  shell,
  sleeps,
  stalled,
  startGuard,
  steps,
  talks,
  thinks,
} from '../support/progress.js'
import { python } from '../support/python.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { checks, wordOf } from '../support/scene.js'
import { until, untilHolds } from '../support/until.js'
import { urgently } from '../support/watched.js'

const folder = mkdtempSync(join(tmpdir(), 'progress-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.concurrent('progress by output', () => {
  it('lets a command live that talks, on either stream', async () => {
    const [output, errors] = await Promise.all([
      lives('output', talks),
      lives('output', ['sh', '-c', 'exec "$@" >&2', 'sh', ...talks]),
    ])
    expect(output.lines).toContain('on')
    expect(output.stderr).toBe('')
    expect(errors.stderr).toContain('on\n')
    expect(errors.stderr).not.toContain('shm-guard')
  })

  it('ends a command that is silent, however busy', async () => {
    expect(await run('output', thinks)).toMatchObject(stalled)
  })

  it('ends a command that falls silent', async () => {
    const result = await run('output', shell('for i in 1 2 3; do echo $i; done; exec sleep 60'))
    expect(result).toMatchObject({ ...stalled, stdout: '1\n2\n3\n' })
  })

  it('counts those whose parents have gone', async () => {
    expect((await lives('output', orphaned(talks))).lines).toContain('on')
  })

  it('counts output without a line end', async () => {
    await lives('output', loop('os.write(1, b"."); time.sleep(0.05)'))
  })
})

describe.concurrent('progress by CPU', () => {
  it('lets a command live that thinks', async () => {
    expect((await lives('cpu', thinks)).stderr).toBe('')
  })

  it('counts the child of a child', async () => {
    await lives('cpu', ['sh', '-c', 'sh -c \'"$@"; exit $?\' sh "$@"; exit $?', 'sh', ...thinks])
  })

  it('counts those whose parents have gone', async () => {
    await lives('cpu', orphaned(thinks))
  })

  it('counts many children that live for a moment each', async () => {
    // It must get a third of a CPU, also beside the tests that run with it.
    await lives('cpu', [...urgently, ...loop('subprocess.run(["true"])')])
  })

  it('does not count output', async () => {
    expect(await run('cpu', talks)).toMatchObject(stalled)
  })

  it('ends a command that sleeps', async () => {
    const result = await run('cpu', sleeps)
    expect(result).toMatchObject(stalled)
    expect(result.stderr).toMatch(/ last beat \S+ ago \(limit 300ms\), clock_nanosleep \(\w+\), pid \d+ S \(sleeping\)/)
  })

  it('ends a command that hangs but wakes now and then', async () => {
    expect(await run('cpu', hangs)).toMatchObject(stalled)
  })

  it('ends a command whose children all wait', async () => {
    expect(await run('cpu', shell('sleep 60 & sleep 60 & sleep 60 & wait'))).toMatchObject(stalled)
  })

  it('ends a command that is stopped by a signal', async () => {
    expect(await run('cpu', shell('kill -STOP $$'))).toMatchObject(stalled)
  })
})

describe.concurrent('progress by I/O', () => {
  it('lets a command live that moves bytes', async () => {
    expect((await lives('io', moves)).stderr).toBe('')
  })

  it('counts dd in small steps, a child for each', async () => {
    await lives('io', shell(steps))
  })

  it('counts those whose parents have gone', async () => {
    await lives('io', orphaned(shell(steps)))
  })

  it('does not count thinking', async () => {
    expect(await run('io', thinks)).toMatchObject(stalled)
  })

  it('ends a command that sleeps', async () => {
    expect(await run('io', sleeps)).toMatchObject(stalled)
  })

  it('ends a command that hangs but reads a few bytes now and then', async () => {
    expect(await run('io', loop('os.read(zero, 100); time.sleep(0.2)'))).toMatchObject(stalled)
  })
})

describe.concurrent('progress by several', () => {
  it.each([
    ['output', talks],
    ['CPU', thinks],
    ['I/O', moves],
  ])('lets a command live that makes %s alone', async (_, command) => {
    expect((await lives('output,cpu,io', command)).stderr).toBe('')
  })

  it('counts none that was not asked for', async () => {
    const results = await Promise.all([run('output,io', thinks), run('output,cpu', moves)])
    for (const result of results) expect(result).toMatchObject(stalled)
  })

  it('ends a command that makes none', async () => {
    expect(await run('output,cpu,io', hangs)).toMatchObject(stalled)
  })

  it('finds the hang after much of everything', async () => {
    const work = 'import os, time\nfor i in range(100): os.write(1, b"x" * 4096)\ntime.sleep(60)'
    const result = await run('output,cpu,io', [...python, '-c', work])
    expect(result).toMatchObject(stalled)
    expect(result.stdout).toHaveLength(409_600)
  })

  it('does not save a worker of its own that stalls', async () => {
    const region = uniqueRegion()
    const program = startGuard([
      ...['--region', region, '--progress', 'output,cpu', '--max-age', '1h', '--interval', '10ms', '--grace', '1s'],
      ...['--', process.execPath, '--input-type=module', '-e'],
      `import { Heartbeat } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
       const heartbeat = Heartbeat.claim({ region: ${JSON.stringify(region)}, name: 'grabber', maxAge: '300ms' })
       heartbeat.beat(); console.log('up'); for (;;) {}`,
    ])
    await program.said('up')
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(program.stderr).toMatch(
      /^shm-guard: stalled: grabber last beat \S+ ago \(limit 300ms\), running in [\w-]+(, cpu \d+%)?, pid \d+ R \(running\)/m,
    )
  })
})

describe.concurrent('a command under --progress', () => {
  it('is a ready worker at once, under its own pid', async () => {
    const region = uniqueRegion()
    const program = startGuard(['--region', region, '--progress', 'cpu', '--', 'sh', '-c', 'echo $$; read go'])
    const pid = Number(await program.said(''))
    const all = await Promise.all(checks.map((check) => probe(['--region', region, '--check', check])))
    expect(all.map(wordOf)).toEqual(['pass', 'pass', 'pass'])
    expect(only(region), 'five minutes by default').toMatchObject({ name: 'main', pid, maxAgeMs: 300_000 })
  })

  it('beats while it makes progress, and otherwise does not', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--progress', 'output', '--interval', '5ms']
    const program = startGuard([...flags, '--', 'sh', '-c', 'while read line; do echo $line; done'])
    program.tell('up')
    await program.said('up')
    const beats = () => only(region).beats
    await untilHolds('the beats of the start and of the first line', beats, (count) => count === 2)
    for (const line of ['a', 'b', 'c']) {
      const before = beats()
      program.tell(line)
      await program.said(line)
      expect(await untilHolds('a beat', beats, (count) => count > before)).toBe(before + 1)
    }
    // Ten looks without output.
    await until('the last beat is 50 ms old', () => (only(region).ageMs ?? 0) > 50)
    expect(beats()).toBe(5)
  })

  it.each(['', 'disk', 'output;cpu', 'OUTPUT', 'output cpu'])('takes no list %j', async (list) => {
    const result = await guard(['--progress', list, '--', 'true'])
    expect(result).toMatchObject({ code: 2, stdout: '' })
    expect(result.stderr).toContain('--progress')
  })

  it('cannot be combined with --notify, and needs a command', async () => {
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

describe.concurrent('a region that is removed under the guard', () => {
  it('is claimed anew, so that a hang is still found', async () => {
    const region = uniqueRegion()
    const program = startGuard([
      ...['--region', region, '--progress', 'output', '--max-age', '2s', '--', ...shell('echo up; exec sleep 60')],
    ])
    await program.said('up')
    rmSync(pathOf(region))
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(program.stderr).toContain(`the region ${region} was removed or cut short; claiming anew\n`)
  })
})

describe.concurrent('a claim that fails when the command is restarted', () => {
  it('is tried again, so that a hang is still found', async () => {
    const region = uniqueRegion()
    const told = join(folder, 'ends-when-told')
    const line = `[ -e ${told} ] && exec sleep 60; mkfifo ${told}; echo up; cat ${told}; exit 1`
    const program = startGuard([
      ...['--region', region, '--progress', 'output', '--max-age', '2s', '--restart', '1', '--', ...shell(line)],
    ])
    await program.said('up')
    // Another claim, which does not come to its end.
    const holder = await holdLock(region, claimByte, 'write')
    await writeFile(told, 'end\n')
    await until('a claim that failed', () => program.stderr.includes('cannot stamp for its command: '))
    await holder.kill('SIGKILL')
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(program.stderr).toMatch(/\[CLAIM_BUSY\]; trying again\n.*\bstamps for its command again\n.*stalled: main/s)
  })
})
