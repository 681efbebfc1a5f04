import { inspect } from 'node:util'
import { Command, CommanderError } from 'commander'
import { LivenessError } from 'shm-liveness'
import { CiError } from '../model/ci-error.js'
import { agentCommand } from './commands/agent.js'
import { buildCommand } from './commands/build.js'
import { compareCommand } from './commands/compare.js'
import { drainCommand } from './commands/drain.js'
import { watchCommand } from './commands/watch.js'
import { ExitStatus } from './exit-status.js'
import { say } from './say.js'

/** Exit status of a mistake in this program itself. */
const bugCode = 70

/** Does what the arguments ask for. @returns the exit status */
export async function runProgram(args: readonly string[]): Promise<number> {
  const program = new Command('buildkit-ci').description('container images in CI, built by watched BuildKit daemons')
  for (const command of [watchCommand(), drainCommand(), agentCommand(), buildCommand(), compareCommand()])
    program.addCommand(command)
  for (const command of [program, ...program.commands]) {
    command.exitOverride().allowExcessArguments(false)
    command.configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'buildkit-ci: ')) })
  }
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    return toldExitCode(error)
  }
}

function toldExitCode(error: unknown): number {
  if (error instanceof ExitStatus) return error.code
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof CiError) {
    say(`${error.message}\n  what to do: ${error.remedy}`)
    return error.exitCode
  }
  if (error instanceof LivenessError) {
    say(`${error.message} [${error.code}]`)
    return 3
  }
  say(inspect(error))
  return bugCode
}
