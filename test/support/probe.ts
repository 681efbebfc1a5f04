import { spawn } from 'node:child_process'
import { probePath } from 'shm-liveness'

export interface ProbeResult {
  /** The exit code; null if a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  ms: number
}

export interface ProbeOptions {
  /** All of the environment. @default empty */
  env?: Record<string, string>
  /** A command in front of the probe: `unshare`, `setpriv`. */
  wrapper?: string[]
  uid?: number
  gid?: number
}

/** Runs the real shm-probe. Never rejects over an exit code. */
export function probe(args: string[], options: ProbeOptions = {}): Promise<ProbeResult> {
  const [command, ...rest] = [...(options.wrapper ?? []), probePath(), ...args] as [string, ...string[]]
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const env = { ...(options.wrapper ? { PATH: process.env['PATH'] ?? '' } : {}), ...options.env }
    const { uid, gid } = options
    const child = spawn(command, rest, {
      env,
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => (stdout += data))
    child.stderr.on('data', (data) => (stderr += data))
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr, ms: performance.now() - began }))
  })
}
