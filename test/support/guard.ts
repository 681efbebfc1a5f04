import { spawn } from 'node:child_process'
import { guardPath } from 'shm-liveness'
import { marked } from './left-behind.js'
import { Program } from './program.js'
import { uniqueRegion } from './region.js'
import { withoutStacks } from './without-stacks.js'

export interface GuardResult {
  /** The exit code; null if a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  ms: number
}

export interface GuardOptions {
  /** Beside PATH and a region of its own. @default nothing */
  env?: Record<string, string>
  /** A command in front of the guard: `unshare`, `setpriv`. */
  wrapper?: string[]
  /** What its standard input holds. @default nothing */
  input?: string
  /** Killed after this long, so that a guard that hangs is a failed test. @default 60 s */
  timeoutMs?: number
}

/** So that what others have put into the region `default` of the machine does not matter. */
const itsOwnRegion = () => ({ SHM_LIVENESS_REGION: uniqueRegion() })

/** Runs the real shm-guard to its end. Does not reject for an exit code. */
export function guard(args: string[], options: GuardOptions = {}): Promise<GuardResult> {
  const [command, ...rest] = [...(options.wrapper ?? []), guardPath(), ...args] as [string, ...string[]]
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, {
      env: { PATH: process.env['PATH'] ?? '', ...withoutStacks, ...itsOwnRegion(), ...options.env },
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => (stdout += data))
    child.stderr.on('data', (data) => (stderr += data))
    child.stdin.on('error', () => {}) // a guard that ends at once does not read it
    child.stdin.end(options.input ?? '')
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr, ms: performance.now() - began }))
  })
}

const workerProgram = new URL('../../dist-programs/test/fixtures/guard-worker.js', import.meta.url).pathname

/** A command that claims `grabber` and takes one step after the other: see test/fixtures/guard-worker.ts. */
export function workerCommand(region: string, maxAge: string, ...steps: string[]): string[] {
  return [process.execPath, workerProgram, region, 'grabber', maxAge, ...steps]
}

/** As {@link startGuard}; its command and all that this starts are killed after the test, too. */
export function startMarkedGuard(args: string[]): Program {
  return startGuard(args, marked)
}

/** Runs a line of sh under a guard. */
export function shell(line: string, options: GuardOptions = {}, flags: string[] = []): Promise<GuardResult> {
  return guard([...flags, '--', 'sh', '-c', line], options)
}

/** Starts a guard and leaves it running, line by line; killed after the test, if it still runs. */
export function startGuard(args: string[], env: Record<string, string> = {}): Program {
  return Program.run(guardPath(), args, { ...itsOwnRegion(), ...env })
}
