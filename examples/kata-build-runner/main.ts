#!/usr/bin/env node
/**
 * `npm run build-runner -- run --config executor.yaml build.yaml`: builds on Kubernetes, in Kata virtual machines, under
 * shm-guard. README.md says what for, docs/ says how.
 */
import { inspect } from 'node:util'
import { Command, CommanderError } from 'commander'
import { attachCommand } from './cli/attach.js'
import { cancelCommand } from './cli/cancel.js'
import { compareCommand } from './cli/compare.js'
import { gcCommand } from './cli/gc.js'
import { preflightCommand } from './cli/preflight.js'
import { exitCodeHelp } from './cli/report.js'
import { runCommand } from './cli/run.js'
import { exitCodes } from './model/exit-codes.js'
import { plainLines } from './model/plain-text.js'
import { RunnerError } from './model/runner-error.js'

const program = new Command('build-runner').description(
  'CI builds as Kubernetes Jobs, watched from within by shm-guard',
)
for (const command of [
  ...[runCommand(), attachCommand(), cancelCommand()],
  ...[compareCommand(), gcCommand(), preflightCommand()],
]) {
  program.addCommand(command)
}
for (const command of [program, ...program.commands]) {
  command.exitOverride().allowExcessArguments(false).addHelpText('after', exitCodeHelp())
}

// Whoever closes our output (head) ends neither us nor the build: it goes on, and its outcome is the exit status. Of
// standard output that is said (`Screen`); of standard error there is nowhere left to say it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

process.on('uncaughtException', (error) => {
  process.exit(exitCodeOf(error))
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

/**
 * Says why, and gives the exit status. What is no failure that we know of is a bug, and is told with its stack; what
 * became of the build is then not known (Node.js's own status 1 would mean that a step failed). Both quote what files
 * and the cluster say.
 */
function exitCodeOf(error: unknown): number {
  // commander has said it already; help is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage.code
  if (!(error instanceof RunnerError)) {
    console.error(plainLines(inspect(error)))
    return exitCodes.unproven.code
  }
  console.error(plainLines(`build-runner: ${error.message}\n  what to do: ${error.remedy}`))
  return error.exitCode
}
