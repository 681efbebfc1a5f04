/** The codes of this program's own errors, each with its exit status. They are stable; messages are not. */
const exitCodes = {
  USAGE: 2,
  ADDRESS_INVALID: 2,
  BUDGET_INVALID: 2,
  TLS_FILE: 2,
  /** No daemon answers where one must. */
  DAEMON_ABSENT: 3,
  /** A tool that is needed is not in PATH, or it failed. */
  TOOL: 3,
  /** Builds still ran when the time for a drain was over. */
  DRAIN_TIMEOUT: 4,
} as const satisfies Record<string, number>

export type CiErrorCode = keyof typeof exitCodes

/** What is wrong and where (`message`), and what to do (`remedy`). */
export class CiError extends Error {
  override readonly name = 'CiError'
  readonly exitCode: number

  constructor(
    readonly code: CiErrorCode,
    message: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.exitCode = exitCodes[code]
  }
}
