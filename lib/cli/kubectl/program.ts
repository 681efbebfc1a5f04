import { Command } from 'commander'
import type { ExitCode } from '../exit-codes.js'
import { withHelp } from '../help.js'
import { runProgram } from '../run-program.js'
import type { Session, Streams } from '../session.js'
import { packageVersion } from '../version.js'
import { statusCommand } from './status-command.js'
import { topCommand } from './top-command.js'

/** The plug-in of kubectl: `kubectl liveness` runs `kubectl-liveness`. @throws an error that is a bug */
export async function runPlugin(args: readonly string[], streams: Streams): Promise<ExitCode> {
  return runProgram(programOf, args, streams)
}

function programOf(session: Session): Command {
  const program = new Command('kubectl-liveness')
    .usage('[options] [command] (as a plug-in: kubectl liveness)')
    .description('Workers of running pods, by an exec of the shm-probe that they are wired with')
    .version(packageVersion())
  for (const command of [statusCommand(session), topCommand(session)]) program.addCommand(command)
  return withHelp(program, {
    exits: { ok: 'done', found: 'a check fails; see --help of the command', unreadable: 'a pod cannot be asked' },
    examples: [
      ['kubectl liveness status camera-0', 'the workers of a pod'],
      ['kubectl liveness top -l app=camera', 'the workers of many pods, live'],
    ],
  })
}
