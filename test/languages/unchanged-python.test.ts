import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { python, pythonEnv } from '../support/languages.js'
import { probe } from '../support/probe.js'
import { scriptFolder } from '../support/scripts.js'
import { Supervised } from '../support/supervised.js'
import { until, untilHolds } from '../support/until.js'

const root = join(import.meta.dirname, '../..')
const siteFolder = join(root, 'python/src/shm_liveness/site')

/** By `python -m shm_liveness`, unless other arguments are given; `PROGRAM` stands for its path. */
function run(text: string, { args = ['-m', 'shm_liveness', 'PROGRAM'], env = {}, region = '' } = {}): Supervised {
  const program = join(scriptFolder({ 'program.py': text }), 'program.py')
  const command = args.map((word) => (word === 'PROGRAM' ? program : word))
  return Supervised.command(python, command, {
    env: { ...pythonEnv, SHM_LIVENESS_STACKS: '1', ...env },
    ...(region && { region }),
  })
}

const stalledAt = (region: string, place: RegExp | string) =>
  untilHolds(
    'it is stalled there',
    () => probe(['--region', region]),
    ({ stdout }) => stdout.startsWith('stalled: main-thread ') && stdout.search(place) >= 0,
  )

const healthy = (region: string) =>
  untilHolds(
    'it is healthy',
    () => probe(['--region', region]),
    ({ code }) => code === 0,
  )

const waits = `import sys
sys.stdin.readline()`

describe('the asyncio loop of a program that nobody changed', () => {
  const text = (go: string) => `import asyncio, os, sys
def blocks():
    sys.stdin.readline()
    while not os.path.exists('${go}'):
        pass
async def main():
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, blocks)
    await asyncio.Event().wait()
asyncio.run(main())`

  it.each([
    ['python -m shm_liveness', {}],
    ['a sitecustomize', { args: ['PROGRAM'], env: { PYTHONPATH: siteFolder } }],
  ])('beats while it is idle, and is stalled where it is blocked, by %s', async (_how, options) => {
    const go = join(scriptFolder({}), 'go')
    const app = run(text(go), options)
    const { beats } = await app.started('main-thread')
    await until('it beats on', () => (app.worker('main-thread')?.beats ?? 0) > beats + 3)
    app.program.tell('block')
    // Its stack may be taken in a function that the loop calls.
    const { stdout } = await stalledAt(app.region, /(at|<) blocks /)
    expect(stdout).toMatch(
      /^stalled: main-thread last beat \S+ ago \(limit 400ms\) at (exists \([^)]*\) < )?blocks \(\S*program\.py:[45]\)/,
    )
    writeFileSync(go, '')
    await healthy(app.region)
  })
})

describe('the main thread of a program without a loop', () => {
  it('passes while it waits, and while it computes', async () => {
    const app = run(`import sys
sys.stdin.readline()
print('computes', flush=True)
while True: pass`)
    await app.started('main-thread')
    await healthy(app.region)
    app.program.tell('go on')
    await app.program.said('computes')
    const { beats } = app.worker('main-thread') as { beats: number }
    await until('it beats on', () => (app.worker('main-thread')?.beats ?? 0) > beats + 8)
    await healthy(app.region)
  })

  it('is stalled by native code that does not come back', async () => {
    const app = run(`import re, sys
sys.stdin.readline()
re.match('(a+)+$', 'a' * 64 + '!')`)
    await app.started('main-thread')
    app.program.tell('match')
    await stalledAt(app.region, 'running in python')
  })

  it('is stalled by native code that leaves the interpreter to others, at its place', async () => {
    const app = run(`import hashlib, sys
sys.stdin.readline()
def derives():
    hashlib.pbkdf2_hmac('sha256', b'a', b'b', 2_000_000_000)
derives()`)
    await app.started('main-thread')
    app.program.tell('derive')
    await stalledAt(app.region, / at derives \(\S*program\.py:4\)/)
  })
})

describe('the start of such a program', () => {
  it('lasts a whole max age, however often loops begin in it', async () => {
    const app = run(
      `import asyncio, sys
for _ in range(20): asyncio.run(asyncio.sleep(0))
print('ran', flush=True)
${waits}`,
      { env: { SHM_LIVENESS_MAX_AGE: '1h' } },
    )
    await app.program.said('ran')
    expect(app.worker('main-thread')?.phase).toBe('start')
  })

  it('has one timer in a loop that is told again and again that it runs, as nest_asyncio does', async () => {
    const app = run(`import asyncio
async def main():
    loop = asyncio.get_running_loop()
    for _ in range(100):
        asyncio.events._set_running_loop(loop)
        await asyncio.sleep(0)
    print('timers', sum(not timer.cancelled() for timer in loop._scheduled))
asyncio.run(main())`)
    await app.program.ended
    expect(app.program.lines).toEqual(['timers 1'])
  })
})

describe('the end of such a program', () => {
  it.each([
    ['', 0, 'stopped'],
    ['sys.exit(3)', 3, 'stopped'],
    ["raise ValueError('as asked')", 1, 'dead'],
    ['os._exit(0)', 0, 'dead'],
  ])('by %j leaves it %s', async (end, code, state) => {
    const app = run(`import os, sys\n${end}`)
    expect(await app.program.ended).toMatchObject({ code })
    expect(app.states()).toEqual([`main-thread ${state}`])
  })
})

describe('such a program', () => {
  it('sees its arguments, its folder and its name as ever', async () => {
    const program = `import sys
print(__name__, sys.argv[1:], sys.path[0] == __file__.rpartition('/')[0], sys.modules['__main__'].__dict__ is globals())`
    const app = run(program, { args: ['-m', 'shm_liveness', 'PROGRAM', 'a', '-m'] })
    expect(await app.program.said('__main__')).toBe("['a', '-m'] True True")
  })

  it.each([
    ['a file', 'lib/program.py', {}],
    ['a link', 'link.py', {}],
    ['a link, with a safe path', 'link.py', { PYTHONSAFEPATH: '1' }],
    ['a folder', 'lib', {}],
  ])('imports from where it would import: %s', async (_what, name, env) => {
    const folder = scriptFolder({})
    mkdirSync(join(folder, 'lib'))
    for (const file of ['program.py', '__main__.py'])
      writeFileSync(join(folder, 'lib', file), 'import sys\nprint(*sys.path)')
    symlinkSync(join(folder, 'lib/program.py'), join(folder, 'link.py'))
    const [alone, app] = [[], ['-m', 'shm_liveness']].map((args) =>
      run('', { args: [...args, join(folder, name)], env }),
    ) as [Supervised, Supervised]
    await Promise.all([alone.program.ended, app.program.ended])
    expect(alone.program.lines).toHaveLength(1)
    expect(app.program.lines).toEqual(alone.program.lines)
  })

  it('may be a module', async () => {
    const app = run('', { args: ['-m', 'shm_liveness', '-m', 'calendar', '2026', '11'] })
    expect(await app.program.said('   November')).toBe('2026')
    await app.program.ended
    expect(app.states()).toEqual(['main-thread stopped'])
  })

  it('runs unsupervised, and says in one line why, where it cannot be supervised', async () => {
    const first = run(waits)
    await first.started('main-thread')
    const second = run("print('works')", { region: first.region })
    await second.program.ended
    expect(second.program.lines).toEqual(['works'])
    expect(second.program.stderr).toMatch(/^shm-liveness: .*NAME_TAKEN\]; set SHM_LIVENESS_NAME to another name .*\n$/)
    const wrong = run("print('works')", { env: { SHM_LIVENESS_MAX_AGE: '5' } })
    expect(await wrong.program.ended).toMatchObject({ code: 0 })
    expect(wrong.program.stderr).toMatch(/^shm-liveness: this process is not supervised: SHM_LIVENESS_MAX_AGE: .*\n$/)
    const off = run('', { env: { SHM_LIVENESS_AUTO: '0' } })
    await off.program.ended
    expect([off.program.stderr, off.workers()]).toEqual(['', []])
  })

  it('is supervised once the process that had the name has ended', async () => {
    const first = run(waits)
    await first.started('main-thread')
    const second = run(
      `import asyncio, sys
def blocks():
    while True: pass
async def main():
    asyncio.get_running_loop().add_reader(sys.stdin, blocks)
    await asyncio.Event().wait()
asyncio.run(main())`,
      { region: first.region },
    )
    await second.program.complained('retries until the name is free')
    first.program.tell('end')
    await first.program.ended
    const { pid } = await until('the second has started', () => {
      const worker = second.worker('main-thread')
      return worker?.pid === second.program.pid && worker.state === 'running' && worker.phase === null && worker
    })
    second.program.tell('block')
    // Its place is that of the main thread, although another thread has claimed.
    await stalledAt(second.region, new RegExp(` at blocks .*pid ${pid} R`))
    expect(second.program.stderr.split('\n')).toHaveLength(2)
  })

  it('has the sitecustomize that it would have had', async () => {
    const other = scriptFolder({ 'sitecustomize.py': "print('other sitecustomize', flush=True)" })
    const app = run('', { args: ['PROGRAM'], env: { PYTHONPATH: `${siteFolder}:${other}` } })
    await app.program.said('other sitecustomize')
    await app.program.ended
    expect(app.states()).toEqual(['main-thread stopped'])
  })
})

describe('children of such a program', () => {
  it('run loops and end, also if they were forked during a beat', async () => {
    const app = run(`import asyncio, os, signal, sys, threading
fstat, begins, goes_on = os.fstat, threading.Event(), threading.Event()
def slow_fstat(fd):
    if threading.current_thread() is not threading.main_thread():
        begins.set()
        goes_on.wait()
    return fstat(fd)
os.fstat = slow_fstat
begins.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    asyncio.run(asyncio.sleep(0))
    sys.exit(3)
goes_on.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))`)
    expect(await app.program.ended).toMatchObject({ code: 0 })
    expect(app.program.lines).toEqual(['3'])
    expect(app.states()).toEqual(['main-thread stopped'])
  })

  const text = `import multiprocessing, sys
def child(): print('child', flush=True)
if __name__ == '__main__':
    for method in ('spawn', 'fork'):
        process = multiprocessing.get_context(method).Process(target=child)
        process.start()
        process.join()`

  it('claim nothing unless they are told', async () => {
    const app = run(text, { args: ['PROGRAM'], env: { PYTHONPATH: siteFolder } })
    expect(await app.program.ended).toMatchObject({ code: 0 })
    expect(app.states()).toEqual(['main-thread stopped'])
    expect(app.program.stderr).toBe('')
  })

  it('claim names of their own where they are told, and stop', async () => {
    const env = { PYTHONPATH: siteFolder, SHM_LIVENESS_AUTO: 'children' }
    const app = run(text, { args: ['PROGRAM'], env })
    expect(await app.program.ended).toMatchObject({ code: 0 })
    expect(app.states()).toContain('main-thread-child-0 stopped')
    expect(app.states().filter((state) => !state.endsWith('stopped'))).toEqual([])
  })
})
