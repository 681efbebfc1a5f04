/** A command that has said all there is to say, and exits with another program's status. */
export class ExitStatus extends Error {
  override readonly name = 'ExitStatus'

  constructor(readonly code: number) {
    super(`exit status ${code}`)
  }
}
