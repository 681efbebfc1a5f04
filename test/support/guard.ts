import { spawn } from 'node:child_process'
import { guardPath } from 'shm-liveness'
import { Program } from './program.js'

export interface GuardResult {
  /** The exit code; null if a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  ms: number
}

export interface GuardOptions {
  /** Beside PATH. @default nothing */
  env?: Record<string, string>
  /** A command in front of the guard: `unshare`, `setpriv`. */
  wrapper?: string[]
  /** What its standard input holds. @default nothing */
  input?: string
  /** Killed after this long, so that a guard that hangs is a failed test. @default 60 s */
  timeoutMs?: number
}

/** Runs the real shm-guard to its end. Does not reject for an exit code. */
export function guard(args: string[], options: GuardOptions = {}): Promise<GuardResult> {
  const [command, ...rest] = [...(options.wrapper ?? []), guardPath(), ...args] as [string, ...string[]]
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, {
      env: { PATH: process.env['PATH'] ?? '', ...options.env },
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

/** Starts a guard and leaves it running, line by line; killed after the test, if it still runs. */
export function startGuard(args: string[], env: Record<string, string> = {}): Program {
  return Program.run(guardPath(), args, env)
}
