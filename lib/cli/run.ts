import { Command, CommanderError } from 'commander'
import { LivenessError } from '../errors.js'
import { WiringError } from '../kubernetes/index.js'
import { budgetCommand } from './commands/budget.js'
import { conformanceCommand } from './commands/conformance.js'
import { guardPathCommand, probePathCommand } from './commands/executable-path.js'
import { lintCommand } from './commands/lint.js'
import { statusCommand } from './commands/status.js'
import { topCommand } from './commands/top.js'
import { wireCommand } from './commands/wire.js'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.js'
import { withHelp } from './help.js'
import type { Session, Streams } from './session.js'
import { packageVersion } from './version.js'

/**
 * Runs the command line in this process. It reads and writes the given streams only, and leaves `process.exitCode`
 * alone.
 *
 * @param args behind the name of the program
 * @returns the exit status
 * @throws an error that is a bug
 */
export async function run(args: readonly string[], streams: Streams): Promise<ExitCode> {
  const session: Session = { streams, status: exitCodes.ok }
  try {
    await programOf(session).parseAsync(args, { from: 'user' })
  } catch (error) {
    return statusOf(error, streams)
  }
  return session.status
}

function programOf(session: Session): Command {
  const program = new Command('shm-liveness')
    .description('Kubernetes wiring for heartbeats in shared memory')
    .version(packageVersion())
  for (const command of [
    ...[wireCommand(session), lintCommand(session), budgetCommand(session)],
    ...[statusCommand(session), probePathCommand(session), guardPathCommand(session)],
    ...[topCommand(session), conformanceCommand(session)],
  ]) {
    program.addCommand(command)
  }
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .allowExcessArguments(false)
      .configureOutput({
        writeOut: (text) => session.streams.stdout.write(text),
        writeErr: (text) => session.streams.stderr.write(text),
        outputError: (text, write) => write(text.replace(/^error: /, 'shm-liveness: ')),
      })
  }
  return withHelp(program, {
    exits: {
      ok: 'done',
      found: 'lint, wire --diff, budget --within: what they look for; see --help of the command',
      unreadable: true,
      refused: 'wire: a pod cannot be wired as it is; nothing was written',
    },
    examples: [
      ['shm-liveness wire --container camera deployment.yaml', 'probes, installer and region for a container'],
      ['shm-liveness lint deploy/', 'what would restart healthy pods, or never any'],
    ],
  })
}

/** Prints why the run failed, and gives the exit status. @throws the error, if it is a bug: it ends with its stack */
export function statusOf(error: unknown, { stderr }: Pick<Streams, 'stderr'>): ExitCode {
  // commander has printed it already; help and version are not errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  const isKnown = error instanceof CommandError || error instanceof WiringError || error instanceof LivenessError
  if (!isKnown && !isSystemError(error)) throw error
  stderr.write(`shm-liveness: ${error.message}\n`)
  if (error instanceof CommandError) return error.exitCode
  if (error instanceof WiringError) return exitCodes.refused
  const isUsage = error instanceof LivenessError && (error.code === 'INVALID_OPTION' || error.code === 'INVALID_NAME')
  return isUsage ? exitCodes.usage : exitCodes.unreadable
}

/** Node.js makes its errors in the main realm: `instanceof Error` does not know them in a vm context. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return typeof error === 'object' && error !== null && 'syscall' in error && 'message' in error
}
