import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import { Command, CommanderError } from 'commander'
import { exitCodes } from '../model/exit-codes.js'
import { plainLines } from '../model/plain-text.js'
import { RunnerError } from '../model/runner-error.js'
import { attachCommand } from './attach.js'
import { cancelCommand } from './cancel.js'
import { compareCommand } from './compare.js'
import { gcCommand } from './gc.js'
import type { Host } from './host.js'
import { preflightCommand } from './preflight.js'
import { exitCodeHelp } from './report.js'
import { runCommand } from './run.js'

/** Does what the arguments ask for, and sets the exit status. */
export async function runProgram(args: readonly string[], host: Host): Promise<void> {
  try {
    await programOf(host).parseAsync(args, { from: 'user' })
  } catch (error) {
    host.setExitCode(toldExitCode(error, host))
  }
}

function programOf(host: Host): Command {
  const program = new Command('build-runner')
    .description('CI builds as Kubernetes Jobs, watched from within by shm-guard')
    .version(packageVersion())
  for (const command of [
    ...[runCommand(host), attachCommand(host), cancelCommand(host)],
    ...[compareCommand(host), gcCommand(host), preflightCommand(host)],
  ]) {
    program.addCommand(command)
  }
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .allowExcessArguments(false)
      .addHelpText('after', exitCodeHelp())
      .configureOutput({
        writeOut: (text) => host.stdout.write(text),
        writeErr: (text) => host.stderr.write(text),
        outputError: (text, write) => write(text.replace(/^error: /, 'build-runner: ')),
      })
  }
  return program
}

/** Of the package that the example is part of, and whose guard its builds run under. */
function packageVersion(): string {
  return (createRequire(import.meta.url)('shm-liveness/package.json') as { version: string }).version
}

/**
 * Says why, and gives the exit status. An error that is not a RunnerError is a bug, and is told with its stack; what
 * became of the build is then not known (Node.js's own status 1 would mean that a step failed). Both quote what files
 * and the cluster say.
 */
export function toldExitCode(error: unknown, { stderr }: Pick<Host, 'stderr'>): number {
  // commander has said it already; help is not an error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage.code
  if (!(error instanceof RunnerError)) {
    stderr.write(`${plainLines(inspect(error))}\n`)
    return exitCodes.unproven.code
  }
  stderr.write(`${plainLines(`build-runner: ${error.message}\n  what to do: ${error.remedy}`)}\n`)
  return error.exitCode
}
