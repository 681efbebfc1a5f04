import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import { Command, CommanderError } from 'commander'
import { LivenessError } from 'shm-liveness'
import type { Host } from '../../kata-build-runner/cli/host.js'
import { plainLines } from '../../kata-build-runner/model/plain-text.js'
import { agentCommand } from './commands/agent.js'
import { buildCommand } from './commands/build.js'
import { cleanCommand } from './commands/clean.js'
import { compareCommand } from './commands/compare.js'
import { composeCommand } from './commands/compose.js'
import { drainCommand } from './commands/drain.js'
import { preflightCommand } from './commands/preflight.js'
import { registryCommand } from './commands/registry.js'
import { renderCommand } from './commands/render.js'
import { watchCommand } from './commands/watch.js'
import { exitCodeHelp, exitCodes } from './exit-codes.js'
import { ExitStatus } from './exit-status.js'

const name = 'buildkit-ci'

/** Does what the arguments ask for, and sets the exit status. */
export async function runProgram(args: readonly string[], host: Host): Promise<void> {
  try {
    await programOf(host).parseAsync(args, { from: 'user' })
  } catch (error) {
    host.setExitCode(toldExitCode(error, host))
  }
}

/** All commands, with their flags. */
export function programOf(host: Host): Command {
  const program = new Command(name)
    .description('container images in CI, built by watched BuildKit daemons')
    .version(version())
  const commands = [
    ...[renderCommand(host), preflightCommand(host), watchCommand(), drainCommand(), agentCommand()],
    ...[buildCommand(), compareCommand(), registryCommand(host), cleanCommand(host), composeCommand(host)],
  ]
  for (const command of commands) program.addCommand(command)
  for (const command of withSubcommands(program)) {
    command
      .exitOverride()
      .allowExcessArguments(false)
      .addHelpText('after', exitCodeHelp())
      .configureOutput({
        writeOut: (text) => host.stdout.write(text),
        writeErr: (text) => host.stderr.write(text),
        outputError: (text, write) => write(text.replace(/^error: /, `${name}: `)),
      })
  }
  return program
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}

/** Of the package that the example is part of, and whose guard its daemons run under. */
function version(): string {
  return (createRequire(import.meta.url)('shm-liveness/package.json') as { version: string }).version
}

/** An error of this program's own making: it says what to do, and has an exit status. */
interface ToldError extends Error {
  remedy: string
  exitCode: number
}

function isTold(error: unknown): error is ToldError {
  if (!(error instanceof Error)) return false
  const { remedy, exitCode } = error as Partial<ToldError>
  return typeof remedy === 'string' && typeof exitCode === 'number'
}

/** Says why, and gives the exit status. An error of another kind is a bug, and is told with its stack. */
export function toldExitCode(error: unknown, { stderr }: Pick<Host, 'stderr'>): number {
  // commander has said it already; help is not an error.
  if (error instanceof ExitStatus) return error.code
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage.code
  if (error instanceof LivenessError) {
    stderr.write(`${plainLines(`${name}: ${error.message} [${error.code}]`)}\n`)
    return exitCodes.notReady.code
  }
  if (!isTold(error)) {
    stderr.write(`${plainLines(inspect(error))}\n`)
    return exitCodes.bug.code
  }
  stderr.write(`${plainLines(`${name}: ${error.message}\n  what to do: ${error.remedy}`)}\n`)
  return error.exitCode
}
