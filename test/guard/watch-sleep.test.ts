import { readFileSync, rmSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'
import { besideShell, hasOpened, startGuard, worker } from '../support/watched.js'

/** Between two looks, if the guard only looked at its interval. No test waits for so long. */
const interval = ['--interval', '1h']

const wakeups = (pid: number): number =>
  Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

describe.concurrent('between looks the kernel tells the guard', () => {
  it('of a worker that was killed', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '1h', 'beat:50', 'raise:SIGKILL')
    const found = await guard(['--region', region, ...interval, '--', ...besideShell('"$@" & sleep 3600', steps)])
    expect(found.stderr).toMatch(/^shm-guard: dead: grabber/)
    expect(found.code).toBe(121)
  })

  it('of a newcomer, and so finds when that one stalls', async () => {
    const region = uniqueRegion()
    const program = startGuard([
      '--region',
      region,
      ...interval,
      '--',
      ...besideShell('read go; "$@"', worker(region, '300ms', 'beat:50', 'silent')),
    ])
    program.tell('go')
    expect(await program.ended).toEqual({ code: 120, signal: null })
  })

  it('of another region that takes the place of one', async () => {
    const region = uniqueRegion()
    // Stopped before, because a worker whose region is removed comes back by itself, and has the name then.
    const line = '"$@" beat-until:SIGUSR2 stop exit:0; echo stopped; read go; exec "$@" beat:20 silent'
    const program = startGuard(['--region', region, ...interval, '--', ...besideShell(line, worker(region, '1s'))])
    const first = Number(await program.said('beat-until:SIGUSR2'))
    await hasOpened(program, region)
    process.kill(first, 'SIGUSR2')
    await program.said('stopped')
    rmSync(pathOf(region))
    program.tell('go')
    expect((await program.ended).code).toBe(120)
    expect(program.stderr).toMatch(/stalled: grabber/)
  })
})

it('a guard over a worker that beats sleeps for most of its max age', async () => {
  const region = uniqueRegion()
  const program = startGuard(['--region', region, '--', ...worker(region, '5s', 'beat-until:SIGUSR2')])
  await hasOpened(program, region)
  // In a row of seconds the machine's load averages out: 50 looks a second at the default interval, one without it.
  const perSecond = await until('seconds with few wake-ups', async () => {
    const before = wakeups(program.pid)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    const woken = (wakeups(program.pid) - before) / 2
    return woken < 10 ? woken : undefined
  })
  expect(perSecond).toBeLessThan(10)
})

describe('where the kernel cannot tell (no inotify instance left)', () => {
  const refused = [
    'strace',
    '-f',
    '-o',
    '/dev/null',
    '-e',
    'trace=inotify_init1',
    '-e',
    'inject=inotify_init1:error=EMFILE',
  ]

  it('the guard says so, and looks at each interval', async () => {
    const region = uniqueRegion()
    const steps = worker(region, '1h', 'beat:50', 'raise:SIGKILL')
    const found = await guard(['--region', region, '--', ...besideShell('"$@" & sleep 3600', steps)], {
      wrapper: refused,
    })
    expect(found.stderr).toMatch(
      /^shm-guard: looks at each interval, because the kernel does not tell of deaths here: inotify: too many open files\nshm-guard: dead: grabber/,
    )
    expect(found.code).toBe(121)
  })
})
