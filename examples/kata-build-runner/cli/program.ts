import { Command } from 'commander'
import { exitCodes } from '../model/exit-codes.js'
import { attachCommand } from './attach.js'
import { cancelCommand } from './cancel.js'
import { configure, packageVersion, toldExitCode as toldError } from './command-line.js'
import { compareCommand } from './compare.js'
import { gcCommand } from './gc.js'
import type { Host } from './host.js'
import { preflightCommand } from './preflight.js'
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
  return configure(program, host, exitCodes)
}

/** An error of another kind is a bug: what became of the build is not known. Node.js's own status 1 means a failed step. */
export function toldExitCode(error: unknown, host: Pick<Host, 'stderr'>): number {
  const unproven = exitCodes.unproven.code
  return toldError(error, host, 'build-runner', { usage: exitCodes.usage.code, unusable: unproven, bug: unproven })
}
