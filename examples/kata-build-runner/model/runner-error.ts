import { exitCodes } from './exit-codes.js'

/** The codes of the runner's own errors, each with its exit status. They are stable; messages are not. */
const exitNames = {
  USAGE: 'usage',
  CONFIG_INVALID: 'usage',
  BUILD_INVALID: 'usage',
  /** A build of this id exists, and is another one. */
  BUILD_EXISTS: 'usage',
  BUILD_UNKNOWN: 'usage',
  /** No usable way to the API server: kubeconfig, certificates. */
  CONNECTION: 'neverStarted',
  /** The API server refused, or its answer makes no sense. */
  API: 'neverStarted',
  BREAKER_OPEN: 'neverStarted',
  LAUNCH_INCOMPLETE: 'neverStarted',
  /** The build may have ended well, but the caller's file does not say so. */
  RESULT_FILE: 'usage',
  LEFT_RUNNING: 'leftRunning',
  CANCELLED: 'cancelled',
} as const satisfies Record<string, keyof typeof exitCodes>

export type RunnerErrorCode = keyof typeof exitNames

/** Any failure of the runner that is not a build's: what is wrong and where (`message`), and what to do (`remedy`). */
export class RunnerError extends Error {
  override readonly name = 'RunnerError'
  readonly exitCode: number

  constructor(
    readonly code: RunnerErrorCode,
    message: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.exitCode = exitCodes[exitNames[code]].code
  }
}
