#!/usr/bin/env node
/** `npm run buildkit-ci -- COMMAND`: container images built and tested in CI on Kubernetes. README.md says what for. */
import { inspect } from 'node:util'
import { Command, CommanderError } from 'commander'
import { exitCodes } from '../kata-build-runner/model/exit-codes.js'
import { plainLines } from '../kata-build-runner/model/plain-text.js'
import { RunnerError } from '../kata-build-runner/model/runner-error.js'
import { cleanCommand } from './cli/commands/clean.js'
import { composeCommand } from './cli/commands/compose.js'
import { registryCommand } from './cli/commands/registry.js'

// A reader that closes our output (head) does not end what runs.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const program = new Command('buildkit-ci').description('container images built and tested in CI on Kubernetes')
for (const command of [cleanCommand(), composeCommand(), registryCommand()]) program.addCommand(command)

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}
for (const command of everyCommand(program)) command.exitOverride().allowExcessArguments(false)

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = toldExitCode(error)
}

/** Says why, and gives the exit status. An error that is not a RunnerError is a bug, and is told with its stack. */
function toldExitCode(error: unknown): number {
  // commander has said it already; help is not an error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage.code
  if (!(error instanceof RunnerError)) {
    process.stderr.write(`${plainLines(inspect(error))}\n`)
    return exitCodes.unproven.code
  }
  process.stderr.write(`${plainLines(`buildkit-ci: ${error.message}\n  what to do: ${error.remedy}`)}\n`)
  return error.exitCode
}
