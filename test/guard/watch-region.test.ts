import { statSync, truncateSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { probe } from '../support/probe.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'
import { besideShell, hasOpened, startGuard, worker } from '../support/watched.js'

describe.concurrent('the region', () => {
  it('may appear long after the command has started', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '200ms', 'beat:50', 'silent')
    const found = await guard(['--region', region, '--', ...besideShell('sleep 0.2; exec "$@"', steps)])
    expect(found).toMatchObject({ code: 120 })
  })

  it('may be replaced under the guard', async () => {
    const region = uniqueRegion()
    const line = `"$@" stop; rm /dev/shm/${region}; "$@" silent & wait`
    const found = await guard(['--region', region, '--', ...besideShell(line, worker(region, '200ms', 'beat:50'))])
    expect(found).toMatchObject({ code: 120 })
    expect(found.stderr).toMatch(/stalled: grabber/)
  })

  it('may be cut short under the guard, which survives it and reports it once', async () => {
    const region = uniqueRegion()
    const command = ['sh', '-c', 'trap "exit 5" TERM; echo up; while :; do sleep 0.05; done']
    const program = startGuard(['--region', region, '--interval', '10ms', '--', ...command])
    await program.said('up')
    const beside = startGuard(['--region', uniqueRegion(), '--', ...worker(region, '1h', 'beat:20', 'silent')])
    await beside.said('silent')
    await hasOpened(program, region)
    truncateSync(pathOf(region), 0)
    await until('a line', () => program.stderr.includes('\n'))
    await sleep(100) // several looks that must not repeat it
    expect(program.stderr).toMatch(/^shm-guard: unusable: [^\n]*\n$/)
    process.kill(program.pid, 'SIGTERM')
    expect(await program.ended).toEqual({ code: 5, signal: null })
    await beside.kill('SIGTERM')
  })

  it('that cannot be read is reported once, and ends no command', async () => {
    const region = uniqueRegion()
    writeFileSync(pathOf(region), 'no region at all')
    const found = await guard(['--region', region, '--', 'sh', '-c', 'sleep 0.2; exit 4'])
    expect(found.code).toBe(4)
    expect(found.stderr).toMatch(/^(shm-guard: cannot mark [^\n]*\n)?shm-guard: unusable: [^\n]*\n$/)
  })

  it('of another user is watched by root, and not by other users', async () => {
    const region = uniqueRegion()
    const as = (user: string) => ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
    const line = `${as('12345').join(' ')} "$@" & sleep 60`
    const steps = worker(region, '200ms', 'beat:50', 'silent')
    const found = await guard(['--region', region, '--', ...besideShell(line, steps)])
    expect(found).toMatchObject({ code: 120 })
    expect(statSync(pathOf(region)).uid).toBe(12345)

    const wrapper = as('12346')
    const other = await guard(['--region', region, '--', 'sh', '-c', 'sleep 0.2; exit 4'], { wrapper })
    expect(other.code).toBe(4)
    expect(other.stderr).toMatch(/^(shm-guard: cannot mark [^\n]*\n)?shm-guard: unusable: [^\n]*\n$/)
  })
})

describe.concurrent.each([
  ['as PID 1', ['unshare', '--pid', '--fork', '--mount-proc']],
  ['beside others', []],
])('an expected worker that is missing, with a guard %s,', (_, wrapper) => {
  it('is 122 once the startup grace is over, which counts from the start of the guard', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--expect', 'grabber', '--startup-grace', '300ms']
    const found = await guard([...flags, '--', 'sleep', '60'], { wrapper })
    expect(found).toMatchObject({ code: 122 })
    expect(found.stderr).toMatch(/\nshm-guard: missing: [^\n]*; sent SIGABRT to the command's processes\n$/)
    expect(found.ms).toBeGreaterThanOrEqual(290)
  })

  it('is 122 also if others are there, and where a number is expected', async () => {
    const results = [
      ['--expect', 'grabber,writer'],
      ['--min', '2'],
    ].map((expected) => {
      const region = uniqueRegion()
      const flags = ['--region', region, '--startup-grace', '600ms', ...expected]
      return guard([...flags, '--', ...worker(region, '1h', 'beat')], { wrapper })
    })
    for (const found of await Promise.all(results)) expect(found).toMatchObject({ code: 122 })
  })

  it('is not reported within the grace', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '1h', 'beat:50', 'stop', 'exit:0')
    const flags = ['--region', region, '--expect', 'grabber', '--startup-grace', '30s']
    const found = await guard([...flags, '--', ...besideShell('sleep 0.2; exec "$@"', steps)], { wrapper })
    expect(found).toMatchObject({ code: 0, stderr: '' })
  })
})

describe.concurrent('--owner', () => {
  const user = 23456
  const rights = [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--bounding-set=-all']

  it('makes the region for a worker that drops its rights: it claims, is judged, and its probe passes', async () => {
    const region = uniqueRegion()
    const flags = ['--region', region, '--owner', `${user}:${user}`]
    const steps = worker(region, '1h', 'beat-until:SIGUSR1', 'phase:hang:100ms', 'silent')
    const program = startGuard([...flags, '--', 'setpriv', ...rights, ...steps])
    const pid = Number(await program.said('beat-until:SIGUSR1'))
    const { uid, gid, mode } = statSync(pathOf(region))
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: user, gid: user, mode: 0o600 })
    const wrapper = ['setpriv', ...rights]
    const healthy = await until('the probe passes', async () => {
      const found = await probe(['--region', region], { wrapper })
      return found.code === 0 ? found : undefined
    })
    expect(healthy).toMatchObject({ stdout: '', stderr: '' })
    process.kill(pid, 'SIGUSR1')
    expect((await program.ended).code).toBe(120)
    expect(program.stderr).toMatch(/stalled: grabber last beat .*; sent SIGABRT to it\n/)
  })

  it('is refused with the reason by a guard that is not root', async () => {
    const region = uniqueRegion()
    const wrapper = ['setpriv', ...rights]
    const found = await guard(['--region', region, '--owner', '1', '--', 'echo', 'ran'], { wrapper })
    expect(found).toMatchObject({ code: 3, stdout: '' })
    expect(found.stderr).toMatch(new RegExp(`^shm-guard: region ${region} [^\\n]*not permitted\\n$`))
  })
})
