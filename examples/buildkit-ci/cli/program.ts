import { Command } from 'commander'
import { configure, packageVersion, toldExitCode as toldError } from '../../kata-build-runner/cli/command-line.js'
import type { Host } from '../../kata-build-runner/cli/host.js'
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
import { exitCodes } from './exit-codes.js'
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
    .version(packageVersion())
  const commands = [
    ...[renderCommand(host), preflightCommand(host), watchCommand(), drainCommand(), agentCommand()],
    ...[buildCommand(), compareCommand(), registryCommand(host), cleanCommand(host), composeCommand(host)],
  ]
  for (const command of commands) program.addCommand(command)
  return configure(program, host, exitCodes)
}

/** Says why, and gives the exit status: its own, or that of a program that has said it. */
export function toldExitCode(error: unknown, host: Pick<Host, 'stderr'>): number {
  if (error instanceof ExitStatus) return error.code
  const { usage, notReady, bug } = exitCodes
  return toldError(error, host, name, { usage: usage.code, unusable: notReady.code, bug: bug.code })
}
