/** `npm run demo`, the README's first look at the package: it goes through all of its scenes, and leaves nothing. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { Program } from '../support/program.js'

const main = join(import.meta.dirname, '../../dist-programs/examples/demo/main.js')

/** What happens, and what the probe exits with then. */
const scenes = [
  ['detector is stopped with SIGSTOP:', 1],
  ['… and goes on with SIGCONT:', 0],
  ['tracker is killed with kill -9:', 1],
  ['… and is started again, which takes its slot back:', 0],
  ['encoder (a thread) hangs in a phase, past its budget of 300 ms:', 1],
  ['… and comes out of it:', 0],
  ['All stopped on purpose:', 1],
  ['Node.js, C++, Python in one region, Node.js and Python as nobody changed them:', 0],
  ['The event loop of Node.js is blocked for 1.5 s:', 1],
  ['… and goes on:', 0],
  ['The event loop of Python is blocked for 1.5 s:', 1],
  ['… and goes on:', 0],
  ['The worker in C++ is killed with kill -9:', 1],
] as const

describe('the demo', () => {
  let demo: Program
  let pid: number
  beforeAll(async () => {
    demo = Program.run(process.execPath, [main], { DEMO_TEST: String(process.pid) })
    pid = demo.pid
    expect(await demo.ended, demo.stderr).toEqual({ code: 0, signal: null })
  })

  it('shows each scene, with the answer of the probe', () => {
    const told = demo.lines.join('\n').split('\n\n')
    const seen = told.flatMap((text) => {
      const [what = ''] = text.trim().split('\n')
      const status = /^ {2}exit (\d+)/m.exec(text)?.[1]
      return status === undefined || what.startsWith('All four') ? [] : [[what, Number(status)]]
    })
    expect(seen).toEqual(scenes)
  })

  it('shows how a guard starts a worker again that hangs', () => {
    const text = demo.lines.join('\n')
    expect(text).toMatch(/^ {2}shm-guard: stalled: driver last beat .*; sent SIGTERM to it$/m)
    expect(text).toMatch(/It was signalled about \d+ ms after it hung, and beat again after \d+ ms\./)
  })

  it('leaves no region and no process', () => {
    expect(demo.lines.at(-1)).toBe('The regions are removed, all processes have ended.')
    expect(readdirSync('/dev/shm').filter((name) => name.startsWith(`demo-${pid}`))).toEqual([])
    const left = readdirSync('/proc').filter((entry) => {
      try {
        return readFileSync(`/proc/${entry}/environ`, 'latin1').includes(`DEMO_TEST=${process.pid}\0`)
      } catch {
        return false // gone, not ours, or no process
      }
    })
    expect(left).toEqual([])
  })
})
