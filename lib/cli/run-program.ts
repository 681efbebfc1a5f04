/** What all programs of this package do alike: how errors are said, and which exit status they give. */
import { type Command, CommanderError } from 'commander'
import { LivenessError } from '../errors.js'
import { WiringError } from '../kubernetes/index.js'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.js'
import type { Session, Streams } from './session.js'

/** @throws an error that is a bug */
export async function runProgram(
  programOf: (session: Session) => Command,
  args: readonly string[],
  streams: Streams,
): Promise<ExitCode> {
  const session: Session = { streams, status: exitCodes.ok }
  const program = programOf(session)
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .allowExcessArguments(false)
      .configureOutput({
        writeOut: (text) => session.streams.stdout.write(text),
        writeErr: (text) => session.streams.stderr.write(text),
        outputError: (text, write) => write(text.replace(/^error: /, `${program.name()}: `)),
      })
  }
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    return statusOf(program.name(), error, streams)
  }
  return session.status
}

/** Prints why the run failed, and gives the exit status. @throws the error, if it is a bug: it ends with its stack */
export function statusOf(program: string, error: unknown, { stderr }: Pick<Streams, 'stderr'>): ExitCode {
  // commander has printed it already; help and version are not errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  const isKnown = error instanceof CommandError || error instanceof WiringError || error instanceof LivenessError
  if (!isKnown && !isSystemError(error)) throw error
  stderr.write(`${program}: ${error.message}\n`)
  if (error instanceof CommandError) return error.exitCode
  if (error instanceof WiringError) return exitCodes.refused
  const isUsage = error instanceof LivenessError && (error.code === 'INVALID_OPTION' || error.code === 'INVALID_NAME')
  return isUsage ? exitCodes.usage : exitCodes.unreadable
}

/** Node.js makes its errors in the main realm: `instanceof Error` does not know them in a vm context. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return typeof error === 'object' && error !== null && 'syscall' in error && 'message' in error
}
