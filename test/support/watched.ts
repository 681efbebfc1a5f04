import { spawnSync } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { startGuard as startUnmarked } from './guard.js'
import { marked } from './left-behind.js'
import type { Program } from './program.js'
import { pathOf } from './region.js'
import { until } from './until.js'

const program = join(import.meta.dirname, '../../dist-programs/test/fixtures/guard-worker.js')

/** The command of a worker `grabber` that takes these steps: see the fixture. */
export const worker = (region: string, maxAge: string, ...steps: string[]) => [
  ...[process.execPath, program, region, 'grabber', maxAge],
  ...steps,
]

/** Runs `line` in a shell, in which "$@" is the worker. */
export const besideShell = (line: string, command: string[]) => ['sh', '-c', line, 'sh', ...command]

const realTime = ['chrt', '--rr', '1']
const isAllowed = spawnSync('chrt', [...realTime.slice(1), 'true']).status === 0

/** In front of a command that must not be kept from the CPU by others: the guard is patient for milliseconds only. */
export const urgently: string[] = isAllowed ? realTime : []

/** A guard whose processes are all killed after the test. */
export const startGuard = (args: string[]): Program => startUnmarked(args, marked)

/** Until the guard has looked into the region: it keeps it open from its first look on. */
export async function hasOpened(guard: Program, region: string): Promise<void> {
  const opens = (fd: string) => {
    try {
      return readlinkSync(`/proc/${guard.pid}/fd/${fd}`) === pathOf(region)
    } catch {
      return false // closed since it was listed
    }
  }
  await until('the guard has opened the region', () => readdirSync(`/proc/${guard.pid}/fd`).some(opens))
}
