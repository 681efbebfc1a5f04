import { describe, expect, it } from 'vitest'
import { claim, only } from '../support/held.js'
import { get, startListening } from '../support/http-raw.js'
import { marked } from '../support/left-behind.js'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { until } from '../support/until.js'
import { worker } from '../support/watched.js'

/** In a mount namespace of its own, as a sidecar of the pod is. */
function sidecar(region: string, maxAge: string, ...steps: string[]): Program {
  return Program.run('unshare', ['--mount', ...worker(region, maxAge, ...steps)])
}

interface Watched {
  region: string
  program: Program
  livez: () => Promise<number>
}

async function watched(flags: string[] = [], command = ['sleep', '60'], region = uniqueRegion()): Promise<Watched> {
  const args = ['--region', region, '--watcher', 'grabber', '--interval', '5ms', ...flags, '--', ...command]
  const { guard: program, port } = await startListening(args, { env: marked })
  return { region, program, livez: async () => (await get(port, '/livez')).status }
}

const stateIn = (region: string, state: string) => until(`the watcher is ${state}`, () => only(region)?.state === state)

describe('a watcher ends the command', () => {
  const phase = ['phase:no answer for 30s:1ms', 'silent']
  const line = /^shm-guard: stalled: grabber last beat \S+ ago \(limit 1ms\) in phase "no answer for 30s"; sent SIGABRT/

  it('by a phase beyond its budget, from another container', async () => {
    const { region, program } = await watched()
    sidecar(region, '1h', 'beat:50', ...phase)
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(program.stderr).toMatch(line)
  })

  it('from the same container, too', async () => {
    const { region, program } = await watched()
    const [node, ...rest] = worker(region, '1h', 'beat:50', ...phase) as [string, ...string[]]
    Program.run(node, rest)
    expect(await program.ended).toEqual({ code: 120, signal: null })
    expect(program.stderr).toMatch(line)
  })

  it('once for each phase: a life that is started after it goes on', async () => {
    const { region, program, livez } = await watched(['--restart', '3'], ['sh', '-c', 'echo life; exec sleep 60'])
    await program.said('life')
    sidecar(region, '1h', 'beat:50', ...phase)
    await program.said('life')
    expect(only(region).state).toBe('stalled')
    expect(await livez()).toBe(200)
    expect(program.stderr.match(/restart \d\/3/g)).toEqual(['restart 1/3'])
  })
})

describe('a watcher ends nothing, and /livez passes', () => {
  // All of a region's workers are missing then, and no grace excuses that.
  const graceless = ['--startup-grace', '1ms']

  async function expectAlive({ program, livez }: Watched): Promise<void> {
    expect(await livez()).toBe(200)
    expect(program.stderr).toBe('')
    expect(await program.kill('SIGTERM')).toEqual({ code: 143, signal: null })
  }

  it('if it never comes', async () => {
    await expectAlive(await watched(graceless))
  })

  it('if it stops on purpose', async () => {
    const each = await watched(graceless)
    await sidecar(each.region, '1h', 'beat:50', 'stop', 'silent').said('silent')
    await expectAlive(each)
  })

  it('by its silence outside a phase', async () => {
    const each = await watched(graceless)
    await sidecar(each.region, '50ms', 'beat:50', 'silent').said('silent')
    await stateIn(each.region, 'stalled')
    await expectAlive(each)
  })

  it('when it is stopped by SIGSTOP while it beats', async () => {
    const each = await watched(graceless)
    const beside = sidecar(each.region, '100ms', 'beat:20', 'beat-until:SIGUSR1')
    process.kill(Number(await beside.said('beat-until:SIGUSR1')), 'SIGSTOP')
    await stateIn(each.region, 'stalled')
    await expectAlive(each)
  })

  it('by its death, in another container or in the same', async () => {
    const each = await watched(graceless)
    await sidecar(each.region, '1h', 'beat:50', 'raise:SIGKILL').ended
    await expectAlive(each)
    const beside = await watched()
    const [node, ...rest] = worker(beside.region, '1h', 'beat:50', 'raise:SIGKILL') as [string, ...string[]]
    await Program.run(node, rest).ended
    await stateIn(beside.region, 'dead')
    await expectAlive(beside)
  })

  it('before its first beat', async () => {
    const region = uniqueRegion()
    claim(region, { name: 'well', maxAge: '1h' }).beat()
    const each = await watched(['--startup-grace', '1ms'], ['sleep', '60'], region)
    await sidecar(each.region, '1ms', 'silent').said('silent')
    await expectAlive(each)
  })

  it('by a phase that began before the command', async () => {
    const region = uniqueRegion()
    await sidecar(region, '1h', 'beat:50', 'phase:no answer:1ms', 'silent').said('silent')
    await stateIn(region, 'stalled')
    await expectAlive(await watched([], ['sleep', '60'], region))
  })
})
