import type { Writable } from 'node:stream'
import type { Environment } from '../api/kube-config.js'
import { type Clock, systemClock } from '../model/clock.js'

/** A stream of bytes: `process.stdout`. */
export type OutputStream = Writable & { isTTY?: boolean | undefined; columns?: number | undefined }

/** What a command has of the process that it runs in. */
export interface Host {
  stdout: OutputStream
  stderr: OutputStream
  env: Environment
  clock: Clock
  /**
   * Calls it at each SIGINT and SIGTERM.
   *
   * @returns ends that
   */
  onSignal(hear: (signal: NodeJS.Signals) => void): () => void
  setExitCode(code: number): void
  /** Ends the process, though something still waits: output that nobody reads. */
  leave(): void
}

const signals = ['SIGINT', 'SIGTERM'] as const

export const processHost: Host = {
  ...{ stdout: process.stdout, stderr: process.stderr, env: process.env, clock: systemClock },
  onSignal(hear) {
    for (const signal of signals) process.on(signal, hear)
    return () => {
      for (const signal of signals) process.off(signal, hear)
    }
  },
  setExitCode(code) {
    process.exitCode = code
  },
  leave() {
    setImmediate(() => process.exit())
  },
}
