#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { LivenessError } from '../errors.js'
import { WiringError } from '../kubernetes/index.js'
import { budgetCommand } from './commands/budget.js'
import { guardPathCommand, probePathCommand } from './commands/executable-path.js'
import { lintCommand } from './commands/lint.js'
import { statusCommand } from './commands/status.js'
import { wireCommand } from './commands/wire.js'
import { CommandError, exitCodes } from './exit-codes.js'
import { packageVersion } from './version.js'

const program = new Command('shm-liveness')
  .description('Kubernetes wiring for heartbeats in shared memory')
  .version(packageVersion())
for (const command of [
  ...[wireCommand(), lintCommand(), budgetCommand()],
  ...[statusCommand(), probePathCommand(), guardPathCommand()],
]) {
  program.addCommand(command)
}
for (const command of [program, ...program.commands]) command.exitOverride().allowExcessArguments(false)

// yaml asks process.env at every token, which is a call into the system each time; a copy is a plain object.
process.env = { ...process.env }

// Whoever reads only the beginning (head) ends us without a fuss.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  process.exitCode = exitCodeOf(error)
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

/** Says why, and gives the exit code. What is no failure that we know of is a bug, and ends with its stack. */
function exitCodeOf(error: unknown): number {
  // commander has said it already; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  const isKnown = error instanceof CommandError || error instanceof WiringError || error instanceof LivenessError
  if (!isKnown && !(error instanceof Error && 'syscall' in error)) throw error
  console.error(`shm-liveness: ${error.message}`)
  if (error instanceof CommandError) return error.exitCode
  if (error instanceof WiringError) return exitCodes.refused
  const isUsage = error instanceof LivenessError && (error.code === 'INVALID_OPTION' || error.code === 'INVALID_NAME')
  return isUsage ? exitCodes.usage : exitCodes.unreadable
}
