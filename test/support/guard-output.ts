// The guard with its output on its way to readers of all kinds.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { afterTests } from './after-tests.js'
import { marked } from './left-behind.js'
import { Program } from './program.js'
import { python } from './python.js'
import { uniqueRegion } from './region.js'

const reader = join(import.meta.dirname, '../fixtures/guard_reader.py')

export const megabyte = 1_000_000

/** Random bytes in a file, and their digest. */
export interface Data {
  path: string
  sha256: string
  bytes: number
}

export function data(path: string, bytes: number): Data {
  const sum = createHash('sha256')
  const fd = openSync(path, 'w')
  for (let left = bytes; left > 0; ) {
    const part = randomBytes(Math.min(left, 4 * megabyte))
    sum.update(part)
    writeSync(fd, part)
    left -= part.length
  }
  closeSync(fd)
  return { path, sha256: sum.digest('hex'), bytes }
}

/** Of a guard in a region of its own. */
export const flags = (...more: string[]) => ['--region', uniqueRegion(), '--progress', 'output', ...more, '--']

const running = new Set<ChildProcess>()
afterTests(() => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
})

/** A guard that is killed after the tests, if it runs then. */
export function start(args: string[], stdio: ('pipe' | 'ignore' | number)[]): ChildProcess {
  return killedAfterTests(spawn(guardPath(), args, { stdio, env: { ...process.env, ...marked } }))
}

export function killedAfterTests<T extends ChildProcess>(child: T): T {
  running.add(child)
  return child
}

/** Its exit status, once it has one. */
export async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

export interface Read {
  bytes: number
  sha256: string
  code: number
}

/** What guard_reader.py reads of a command: so many bytes at once, with a pause after each, and so many of them (0: all). */
export async function readOf(
  { target = 'pipe', chunk = 65_536, pauseS = 0, most = 0 },
  command: string[],
): Promise<Read> {
  const how = [target, String(chunk), String(pauseS), String(most)]
  const program = Program.run(python[0], [...python.slice(1), reader, ...how, ...command], marked)
  return JSON.parse(await program.said('')) as Read
}

/** The same of a command under a guard. */
export const readBy = (how: Parameters<typeof readOf>[0], command: string[], args = flags()): Promise<Read> =>
  readOf(how, [guardPath(), ...args, ...command])
