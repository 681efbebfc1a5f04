import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { guard, startGuard as startUnmarked } from '../support/guard.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'
import { besideShell, startGuard, worker } from '../support/watched.js'

describe.concurrent('a worker that stalls', () => {
  it('gets SIGABRT by its pid first, then its group gets it, then all are killed', async () => {
    const region = uniqueRegion()
    const line = 'trap "echo shell heard it" ABRT; "$@" & while :; do wait; done'
    const steps = worker(region, '300ms', 'hear:SIGABRT', 'beat:50', 'silent')
    const began = performance.now()
    const program = startGuard(['--region', region, '--grace', '1s', '--', ...besideShell(line, steps)])
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(performance.now() - began).toBeGreaterThan(1_000)
    const heard = program.lines.filter((said) => said.includes('heard'))
    expect(heard[0]).toBe('heard SIGABRT')
    expect(heard.slice(1).sort()).toEqual(['heard SIGABRT', 'shell heard it'])
    expect(program.stderr).toMatch(/; sent SIGABRT to it\nshm-guard: not gone within the grace; sending SIGKILL\n$/)
  })

  it('is named in one line, with its state, where it waits, and its phase; the exit code is 120', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '1h', 'beat:50', 'phase:calibrate:200ms', 'block')
    const found = await guard(['--region', region, '--', ...steps])
    expect(found).toMatchObject({ code: 120 })
    expect(found.stderr).toMatch(
      // The last part needs two looks in the second half of the limit, which a busy machine may not give.
      /^shm-guard: stalled: grabber last beat \S+ ago \(limit 200ms\) in phase "calibrate", futex, a lock or a condition \(\w+\), pid \d+ S \(sleeping\)(, cpu throttled \d+%)?(, cpu \d%)?; sent SIGABRT to it\n$/,
    )
  })

  it('is shown as stopped by a signal, if that is why', async () => {
    const region = uniqueRegion()
    const stopped = worker(region, '1h', 'beat:50', 'phase:halt:200ms', 'raise:SIGSTOP')
    const found = await guard(['--region', region, '--', ...besideShell('"$@" & wait $!', stopped)])
    expect(found.stderr).toMatch(/pid \d+ T \(stopped by a signal\)/)
    expect(found.code).toBe(120)
  })

  it('ends the whole tree, also processes that left the group', async () => {
    const region = uniqueRegion()
    const line = 'setsid sh -c "echo away \\$\\$; exec sleep 60" & "$@" & wait'
    const steps = worker(region, '1h', 'beat-until:SIGUSR2', 'phase:hang:100ms', 'silent')
    const program = startGuard(['--region', region, '--', ...besideShell(line, steps)])
    const saying = (word: string) => program.lines.find((line) => line.startsWith(word))?.split(' ')[1]
    const away = Number(await until('the pid of the process that left', () => saying('away')))
    const pid = Number(await until('the pid of the worker', () => saying('beat-until')))
    expect(() => process.kill(away, 0)).not.toThrow()
    process.kill(pid, 'SIGUSR2')
    expect((await program.ended).code).toBe(120)
    const isThere = () => {
      try {
        return process.kill(away, 0)
      } catch {
        return false
      }
    }
    await until('the process that left has ended', () => !isThere())
  })

  it.each([
    ['TERM', 'SIGTERM'],
    ['SIGUSR2', 'SIGUSR2'],
    ['12', 'SIGUSR2'],
    ['KILL', 'SIGKILL'],
    ['34', 'signal 34'],
  ])('gets --signal %s, and dies of it', async (signal, name) => {
    const region = uniqueRegion()
    const steps = worker(region, '200ms', 'beat:20', 'silent')
    const found = await guard(['--region', region, '--signal', signal, '--grace', '1h', '--', ...steps])
    expect(found.code).toBe(120)
    expect(found.stderr).toContain(`; sent ${name} to it\n`)
  })

  it('is never found before its limit, whatever the interval', async () => {
    const ageBy = async (interval: string) => {
      const region = uniqueRegion()
      const flags = ['--region', region, '--interval', interval, '--']
      const { code, stderr } = await guard([...flags, ...worker(region, '200ms', 'beat:20', 'silent')])
      expect(code).toBe(120)
      return Number(/last beat (\d+(?:\.\d+)?)ms ago/.exec(stderr)?.[1] ?? Number.NaN)
    }
    for (const age of await Promise.all(['5ms', '300ms'].map(ageBy))) expect(age).toBeGreaterThan(200)
  })

  it('and is not below the guard is left alone; the command is ended for it', async () => {
    const region = uniqueRegion()
    const stranger = startUnmarked(['--region', uniqueRegion(), '--', ...worker(region, '200ms', 'beat:50', 'silent')])
    await stranger.said('beat')
    const found = await guard(['--region', region, '--', 'sleep', '60'])
    expect(found).toMatchObject({ code: 120 })
    expect(found.stderr).toContain("; sent SIGABRT to the command's processes\n")
    await stranger.said('silent')
    await stranger.kill('SIGTERM')
  })

  it('is found beside a region that cannot be read', async () => {
    const [region, broken] = [uniqueRegion(), uniqueRegion()]
    writeFileSync(pathOf(broken), Buffer.alloc(8192))
    const steps = worker(region, '200ms', 'beat:50', 'silent')
    const found = await guard(['--region', `${region},${broken}`, '--signal', 'KILL', '--', ...steps])
    expect(found).toMatchObject({ code: 120, stderr: expect.stringContaining('stalled: grabber') })
    expect(found.stderr).toContain('[REGION_MAGIC]')
  })
})

describe.concurrent('a worker that dies', () => {
  it('beside the command ends it: 121, and one line', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '1h', 'beat:50', 'exit:0')
    const found = await guard(['--region', region, '--', ...besideShell('"$@" & sleep 60; exit 1', steps)])
    expect(found).toMatchObject({ code: 121 })
    const line =
      /^shm-guard: dead: grabber died without stop\(\), last beat \S+ ago, pid \d+; sent SIGABRT to the command's processes\n$/
    expect(found.stderr).toMatch(line)
  })

  it('in the middle of a phase is reported with it', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '1h', 'phase:calibrate:1h', 'raise:SIGKILL')
    const found = await guard(['--region', region, '--', ...besideShell('"$@" & sleep 60', steps)])
    expect(found.code).toBe(121)
    expect(found.stderr).toContain('in phase "calibrate"')
  })

  it('as the command itself is not for the watch: its exit code tells how it ended', async () => {
    const ends = (...steps: string[]) => {
      const region = uniqueRegion()
      return guard(['--region', region, '--', ...worker(region, '1h', 'beat:50', ...steps)])
    }
    const [well, badly, killed] = await Promise.all([ends('exit:0'), ends('exit:9'), ends('raise:SIGKILL')])
    expect(well).toMatchObject({ code: 0, stderr: '' })
    expect(badly).toMatchObject({ code: 9, stderr: '' })
    expect(killed).toMatchObject({ code: 137, stderr: '' })
  })

  it('is forgiven for --dead-grace', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--dead-grace', '1h']
    const steps = worker(region, '1h', 'beat:50', 'exit:0')
    // The sleep leaves time for several looks.
    expect(await guard([...flags, '--', ...besideShell('"$@"; sleep 0.2; exit 3', steps)])).toMatchObject({ code: 3 })
  })
})
