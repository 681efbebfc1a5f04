import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { guard } from '../support/guard.js'
import { pathOf, uniqueRegion } from '../support/region.js'
import { untilHolds } from '../support/until.js'
import { startGuard, worker } from '../support/watched.js'

const folder = mkdtempSync(join(tmpdir(), 'guard-termination-log-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('the termination log', () => {
  const path = join(folder, 'termination-log')
  const old = `stalled: grabber, an hour ago\n${'x'.repeat(3000)}\n`
  interface Outcome {
    outcome: string
    exit: number
    verdict: string
    line: string
    phase?: string
    restarts: number
    time: string
  }

  /** The line for people, the stack of a worker that hung, and the record; nothing else may be there. */
  function read(): { line: string; outcome: Outcome } {
    const [line = '', ...below] = readFileSync(path, 'utf8').split('\n')
    const [json = '', end] = below.filter((text) => !text.startsWith('  '))
    expect([end, below.at(-1), below.at(-2)]).toEqual(['', '', json])
    return { line, outcome: JSON.parse(json) as Outcome }
  }
  async function logged(args: string[]): Promise<{ line: string; outcome: Outcome }> {
    writeFileSync(path, old)
    const { code } = await guard([`--termination-log=${path}`, ...args])
    const found = read()
    expect(found.outcome.exit).toBe(code)
    expect(found.outcome.line).toBe(found.line)
    const age = Date.now() - Date.parse(found.outcome.time)
    expect(age).toBeGreaterThan(-1_000)
    expect(age, 'the time is that of now, give or take a slow machine').toBeLessThan(60_000)
    return found
  }
  const region = () => ['--region', uniqueRegion()]

  it('tells how a command ended by itself, in place of what was written there before', async () => {
    const found = await logged([...region(), '--', 'true'])
    expect(found).toMatchObject({ line: 'exited with 0', outcome: { outcome: 'exited', exit: 0, restarts: 0 } })
    expect((await logged([...region(), '--', 'sh', '-c', 'exit 3'])).outcome).toMatchObject({
      outcome: 'exited',
      exit: 3,
    })
    const killed = await logged([...region(), '--', 'sh', '-c', 'kill -9 $$'])
    expect(killed).toMatchObject({ line: 'killed by SIGKILL', outcome: { outcome: 'signalled', exit: 137 } })
  })

  it('tells why a command was ended, with the phase', async () => {
    const name = uniqueRegion()
    const steps = worker(name, '1h', 'beat:20', 'phase:calibrate:100ms', 'silent')
    const { line, outcome } = await logged(['--region', name, '--', ...steps])
    expect(line).toMatch(/^stalled: grabber last beat \S+ ago \(limit 100ms\) in phase "calibrate"/)
    expect(outcome).toMatchObject({ outcome: 'stalled', exit: 120, verdict: 'stalled', phase: 'calibrate' })
    const missing = await logged([...region(), '--expect', 'a', '--startup-grace', '0', '--', 'sleep', '60'])
    expect(missing.outcome).toMatchObject({ outcome: 'missing', exit: 122, verdict: 'missing' })
  })

  it('tells what kept the guard or the command from starting', async () => {
    const absent = await logged([...region(), '--', '/no/such/program'])
    expect(absent.line).toBe('cannot run "/no/such/program": no such file or directory')
    expect(absent.outcome).toMatchObject({ outcome: 'not-started', exit: 127 })

    const name = uniqueRegion()
    mkdirSync(pathOf(name))
    const refused = await logged(['--region', name, '--progress', 'cpu', '--', 'true'])
    expect(refused.line).toContain(`region ${name} `)
    expect(refused.outcome).toMatchObject({ outcome: 'not-started', exit: 3 })

    const steps = await logged([...region(), '--steps', join(folder, 'no-steps.json')])
    expect(steps.line).toContain('no such file or directory')
    expect(steps.outcome).toMatchObject({ outcome: 'not-started', exit: 2 })

    const listening = await logged([...region(), '--listen', '203.0.113.1:9808', '--', 'true'])
    expect(listening.outcome).toMatchObject({ outcome: 'not-started', exit: 3 })
  })

  it('holds an interim record from SIGTERM on, for a command that is killed before it ends', async () => {
    writeFileSync(path, old)
    const line = 'trap "" TERM; echo up; read go; exit 4'
    const program = startGuard([...region(), `--termination-log=${path}`, '--', 'sh', '-c', line])
    await program.said('up')
    process.kill(program.pid, 'SIGTERM')
    await untilHolds(
      'the interim record is written',
      () => readFileSync(path, 'utf8'),
      (text) => text !== old && text.endsWith('}\n'),
    )
    const interim = read()
    expect(interim.line).toBe('told to stop by SIGTERM; the command had not ended yet')
    expect(interim.outcome).toMatchObject({ outcome: 'terminated', exit: 143 })
    program.tell('go')
    expect(await program.ended).toEqual({ code: 4, signal: null })
    expect(read()).toMatchObject({
      line: 'exited with 4 after SIGTERM',
      outcome: { outcome: 'terminated', exit: 4 },
    })
  })

  it('is written by way of a file of its own name only, never through a link', async () => {
    const [target, link] = [join(folder, 'target'), join(folder, 'link')]
    writeFileSync(target, 'mine')
    symlinkSync(target, link)
    const found = await guard([...region(), `--termination-log=${link}`, '--', 'true'])
    expect(found.code).toBe(0)
    expect(found.stderr).toMatch(/^shm-guard: cannot write the termination log \S+: too many symbolic links\n$/)
    expect(readFileSync(target, 'utf8')).toBe('mine')
  })

  it('that cannot be written is reported, and changes no exit code', async () => {
    const found = await guard([...region(), `--termination-log=${folder}/none/log`, '--', 'sh', '-c', 'exit 3'])
    expect(found.code).toBe(3)
    expect(found.stderr).toMatch(/^shm-guard: cannot write the termination log \S+: no such file or directory\n$/)
  })
})
