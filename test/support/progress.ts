import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { guard, startGuard as startUnmarked } from './guard.js'
import { only } from './held.js'
import { marked } from './left-behind.js'
import type { Program } from './program.js'
import { python } from './python.js'
import { uniqueRegion } from './region.js'
import { until, untilHolds } from './until.js'

export const startGuard = (args: string[]) => startUnmarked(args, marked)

export const shell = (lines: string) => ['sh', '-c', lines]
/** Does this again and again. */
export const loop = (work: string) => [
  ...[...python, '-c'],
  `import os, subprocess, time\nzero = os.open("/dev/zero", os.O_RDONLY)\nwhile True: ${work}`,
]

/** Each makes progress of one kind only. Not by a shell: to start a sleep ten times a second is use of CPU. */
export const talks = loop('os.write(1, b"on\\n"); time.sleep(0.05)')
export const thinks = loop('pass')
export const moves = loop('os.read(zero, 65536); time.sleep(0.02)')
/** In small steps, with a child for each. */
export const steps = 'while :; do dd if=/dev/zero of=/dev/null bs=16384 count=1 status=none; sleep 0.05; done'
export const pollsByItself =
  'import os, time\nwhile not os.path.exists("/nonexistent"): open("/proc/self/stat").read(); time.sleep(0.1)'
export const hangs = loop('time.sleep(0.2)')
export const sleeps = shell('exec sleep 60')

/** Runs a command whose parent ends at once. The guard's command waits for it. */
export const orphaned = (command: string[]) => ['sh', '-c', '{ (setsid "$@" &); } | cat', 'sh', ...command]

function descendantsOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number)
    return children.flatMap((child) => [child, ...descendantsOf(child)])
  } catch {
    return [] // it has ended
  }
}

/** Kills all below the guard, which then ends by itself. */
async function endTree(guard: Program, hasEnded: () => boolean): Promise<void> {
  await until('the guard has ended', () => {
    for (const pid of descendantsOf(guard.pid)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {} // it has ended
    }
    return hasEnded()
  })
}

/**
 * Waits until the guard has seen progress in two windows of time, and then ends the command. The first beat is that of
 * the start. The limit is several times of what a window takes on a loaded machine.
 */
export async function lives(list: string, command: string[]): Promise<Program> {
  const region = uniqueRegion()
  const program = startGuard([
    ...['--region', region, '--progress', list, '--max-age', '5s', '--interval', '10ms', '--', ...command],
  ])
  let hasEnded = false
  program.ended.then(() => (hasEnded = true))
  await untilHolds(
    `progress by ${list}`,
    () => {
      if (hasEnded) throw new Error(`It ended: ${program.stderr}`)
      return beatsOf(region)
    },
    (beats) => beats >= 3,
  )
  await endTree(program, () => hasEnded)
  return program
}

function beatsOf(region: string): number {
  try {
    return only(region).beats
  } catch {
    return 0 // no region yet
  }
}

/** Runs a command that does not make the progress which the guard looks for. The limit is short: a stall is expected. */
export const run = (list: string, command: string[]) =>
  guard(
    [
      ...['--region', uniqueRegion(), '--progress', list, '--max-age', '300ms', '--interval', '10ms', '--grace', '1s'],
      ...['--', ...command],
    ],
    { env: marked },
  )

export const stalled = { code: 120, stderr: expect.stringContaining('shm-guard: stalled: main last beat ') }
