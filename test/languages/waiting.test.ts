import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { python, pythonEnv } from '../support/languages.js'
import { probe } from '../support/probe.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { scriptFolder } from '../support/scripts.js'
import { Supervised } from '../support/supervised.js'
import { until, untilHolds } from '../support/until.js'

/** Says `tries` after each claim, runs until it is told to end, and stops then. */
const inNode = `const tries = () => console.log('tries')
setInterval(tries, 1000) // after the module's timer, which has the same interval and began before
process.stdin.once('data', () => process.exit(0))`
const inPython = `import sys
from shm_liveness import _auto
claim = _auto.claim
def told(*words, **options):
    try:
        return claim(*words, **options)
    finally:
        print('tries', flush=True)
_auto.claim = told
sys.stdin.readline()`

const max = (age: string) => ({ SHM_LIVENESS_NAME: 'server', SHM_LIVENESS_MAX_AGE: age })
/** No start of a test ends before its process does. */
const inItsStart = max('1h')

const languages = {
  'Node.js': (region: string, env = max('400ms')) => Supervised.run(inNode, { region, env }),
  Python: (region: string, env = max('400ms')) => {
    const main = join(scriptFolder({ 'main.py': inPython }), 'main.py')
    return Supervised.command(python, ['-m', 'shm_liveness', main], { region, env: { ...pythonEnv, ...env } })
  },
}

/** Until it has begun and ended an attempt. */
async function hasTried({ program }: Supervised): Promise<void> {
  program.lines.length = 0
  for (let i = 0; i < 2; i++) await program.said('tries')
}

const isHeldBy = (app: Supervised) =>
  until('it has the name', () => {
    const worker = app.worker('server')
    return worker?.pid === app.program.pid && worker.state === 'running'
  })

describe.each(Object.entries(languages))('a program that waits for its name, in %s', (_language, run) => {
  const waiting = async (region: string): Promise<Supervised> => {
    const app = run(region)
    await app.program.complained('SHM_LIVENESS_NAME')
    return app
  }

  it('does not take it from one that died, so that the death is seen; a new process does', async () => {
    const server = run(uniqueRegion())
    await server.started('server')
    const other = await waiting(server.region)
    await server.program.kill()
    await hasTried(other)
    expect(other.states()).toEqual(['server dead'])
    expect((await probe(['--region', server.region])).stdout).toMatch(/^dead: server /)
    const restarted = run(server.region)
    await isHeldBy(restarted)
    restarted.program.tell('end')
    await restarted.program.ended
    await isHeldBy(other)
  })

  it('takes it from one that died in its start, such as a health check that fails', async () => {
    const check = run(uniqueRegion(), inItsStart)
    await until('it has claimed', () => check.worker('server')?.phase === 'start')
    const server = await waiting(check.region)
    await check.program.kill()
    await isHeldBy(server)
    await untilHolds(
      'it is healthy',
      () => probe(['--region', server.region]),
      ({ code }) => code === 0,
    )
  })
})

describe.each(Object.entries(languages))('a program whose region was removed, in %s', (_language, run) => {
  /** The name is another's by the time that it looks. */
  const superseded = async () => {
    const first = run(uniqueRegion())
    await first.started('server')
    first.program.send('SIGSTOP')
    rmSync(pathOf(first.region))
    const second = run(first.region)
    await second.started('server')
    first.program.send('SIGCONT')
    await first.program.complained('Another worker has the name now')
    return { first, second }
  }

  it('claims its name again, as it was, once another worker that took it has stopped', async () => {
    const { first, second } = await superseded()
    expect(first.worker('server')).toMatchObject({ pid: second.program.pid, state: 'running' })
    second.program.tell('end')
    await second.program.ended
    await isHeldBy(first)
    expect(await first.started('server')).toMatchObject({ ready: true, phase: null })
    first.program.tell('end')
    await first.program.ended
    expect(first.states()).toEqual(['server stopped'])
    expect(first.program.stderr.match(/Another worker has the name now/g)).toHaveLength(1)
  })
})
