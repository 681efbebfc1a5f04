import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { describe, expect, it } from 'vitest'
import { marked } from '../support/left-behind.js'
import { Program } from '../support/program.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'
import { sh, stepsFile } from '../support/steps.js'

const fixture = join(import.meta.dirname, '../fixtures/guard_stderr.py')
/** A second opening of a terminal or a pipe by its descriptor fails. */
const withoutProc = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh']
const wrappers: [name: string, wrapper: string[]][] = [
  ['can be opened again', []],
  ['cannot be opened again', withoutProc],
]

interface Ended {
  code: number
  text: string
}
/** By guard_stderr.py. */
async function run(how: [kind: string, room: 'none' | 'some', readFrom: number], command: string[]): Promise<Ended> {
  const args = [fixture, ...how.map(String), ...command]
  return JSON.parse(await Program.run(python[0], [...python.slice(1), ...args], marked).said('')) as Ended
}
/** Its command stalls, and so it has something to say. */
const stalls = (maxAge: string, ...flags: string[]) => [
  ...[guardPath(), '--region', uniqueRegion(), '--progress', 'output', '--max-age', maxAge, '--interval', '10ms'],
  ...[...flags, '--'],
]
const stallsAtOnce = () => [...stalls('100ms'), 'sleep', '60']
/** As often as it is restarted, and not before guard_stderr.py lets it: by then a busy machine may have paused it. */
const stallsWhenLetGo = (restarts: number) => [
  ...[...stalls('1s', '--restart', String(restarts)), 'sh', '-c'],
  'echo $$ >$HERE/started; until [ -e $HERE/go.$$ ]; do echo; sleep 0.01; done; exec sleep 60',
]

describe.concurrent.each(wrappers)('a log that is not read, and %s,', (_, wrapper) => {
  it.each(['pty', 'pipe', 'socket'])('does not stop the watch: a %s that is full', async (kind) => {
    expect(await run([kind, 'none', 0], [...wrapper, ...stallsAtOnce()])).toEqual({ code: 120, text: '' })
  })

  it('does not stop the guard: a terminal that is writable, with less room than the line needs', async () => {
    // Longer than the room, as is the first line that the guard says.
    const path = `/none/${'x'.repeat(600)}`
    const flags = ['--region', uniqueRegion(), `--termination-log=${path}`]
    const { code, text } = await run(['pty', 'some', 0], [...wrapper, guardPath(), ...flags, '--', 'true'])
    expect(code).toBe(0)
    expect(text).toMatch(/^shm-guard: cannot write the termination log \/none\/x{200,599}$/)
  })

  it('and is the output of steps, too, does not stop the watch', async () => {
    const line = 'head -c 3000 /dev/zero | tr "\\\\0" x; exec sleep 60'
    const file = stepsFile([sh('one', line, { silenceBudget: '300ms' })])
    const flags = ['--region', uniqueRegion(), '--grace', '300ms', '--interval', '10ms', '--steps', file]
    const { code, text } = await run(['pty+out', 'some', 0], [...wrapper, guardPath(), ...flags])
    expect(code).toBe(120)
    expect(text).toMatch(/^##\[shm-guard \w+\] \{"mark":"begin",.*\nx+$/)
  })

  it('goes on with a whole line once it is read, which counts those that are lost', async () => {
    const { code, text } = await run(['pty', 'none', 2], [...wrapper, ...stallsWhenLetGo(1)])
    expect(code).toBe(120)
    // The first stall and the restart found no room.
    expect(text).toMatch(/^shm-guard: stalled: main [^\n]+ \(2 lines before it found no reader\)\n$/)
  })

  it('goes on with a line of its own after one that was cut', async () => {
    const { code, text } = await run(['pty', 'some', 4], [...wrapper, ...stallsWhenLetGo(3)])
    expect(code).toBe(120)
    expect(text).toMatch(
      /^(shm-guard: [^\n]+\n)+shm-guard: stalled: [^\n]+ \([1-5] lines before it found no reader\)\n$/,
    )
  })
})
