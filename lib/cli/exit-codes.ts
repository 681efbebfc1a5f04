/** What the command line's exit codes mean; the table of docs/operations.md is checked against it. */
export const exitCodes = {
  /** Done; for lint: no such finding as below. */
  ok: 0,
  /** lint: a finding of severity error (or as --fail-on says). wire --diff: something would change. budget --within: not by the kubelet. conformance: a scenario failed. kubectl liveness: a check fails. */
  found: 1,
  /** A flag or argument is wrong. */
  usage: 2,
  /**
   * An input cannot be read: no such file, no valid YAML, an unusable region, no executable for this platform; or the
   * output cannot be written. conformance: the worker does not start. kubectl liveness: a pod cannot be asked.
   */
  unreadable: 3,
  /** wire: a pod cannot be wired as it is. Nothing was written. */
  refused: 4,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** An end of the command with an exit code, and the line that says why. */
export class CommandError extends Error {
  override readonly name = 'CommandError'

  constructor(
    readonly exitCode: ExitCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
