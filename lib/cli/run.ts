import { Command } from 'commander'
import { budgetCommand } from './commands/budget.js'
import { conformanceCommand } from './commands/conformance.js'
import { guardPathCommand, probePathCommand } from './commands/executable-path.js'
import { lintCommand } from './commands/lint.js'
import { reportCommand } from './commands/report.js'
import { statusCommand } from './commands/status.js'
import { topCommand } from './commands/top.js'
import { wireCommand } from './commands/wire.js'
import type { ExitCode } from './exit-codes.js'
import { withHelp } from './help.js'
import { runProgram } from './run-program.js'
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
  return runProgram(programOf, args, streams)
}

function programOf(session: Session): Command {
  const program = new Command('shm-liveness')
    .description('Kubernetes wiring for heartbeats in shared memory')
    .version(packageVersion())
  for (const command of [
    ...[wireCommand(session), lintCommand(session), budgetCommand(session)],
    ...[statusCommand(session), probePathCommand(session), guardPathCommand(session)],
    ...[topCommand(session), reportCommand(session), conformanceCommand(session)],
  ]) {
    program.addCommand(command)
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
