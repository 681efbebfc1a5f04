/** What the programs of the examples have in common: the exit statuses in their help, and how they say an error. */
import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import { type Command, CommanderError } from 'commander'
import { LivenessError, type LivenessErrorCode } from 'shm-liveness'
import { plainLines } from '../model/plain-text.js'
import type { Host } from './host.js'

/** Each exit status by its name. */
export type ExitCodes = Readonly<Record<string, { code: number; meaning: string }>>

/** The statuses of errors that any command may have. */
export interface ErrorStatuses {
  usage: number
  /** A region or an executable of shm-liveness cannot be used. */
  unusable: number
  /** A mistake in the program. */
  bug: number
}

/** Of the package that the examples are part of. */
export function packageVersion(): string {
  return (createRequire(import.meta.url)('shm-liveness/package.json') as { version: string }).version
}

/** Has a program and all its commands throw errors, write to the host, and show the exit statuses with their help. */
export function configure(program: Command, host: Host, exitCodes: ExitCodes): Command {
  for (const command of withSubcommands(program)) {
    command
      .exitOverride()
      .allowExcessArguments(false)
      .addHelpText('after', exitCodeHelp(exitCodes))
      .configureOutput({
        writeOut: (text) => host.stdout.write(text),
        writeErr: (text) => host.stderr.write(text),
        outputError: (text, write) => write(text.replace(/^error: /, `${program.name()}: `)),
      })
  }
  return program
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}

function exitCodeHelp(exitCodes: ExitCodes): string {
  const lines = Object.values(exitCodes).map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`)
  return `\nExit status:\n${lines.join('\n')}\n`
}

/** An error that says what to do, and has an exit status. */
interface ToldError extends Error {
  remedy: string
  exitCode: number
}

/**
 * Says what is wrong and what to do, and gives the exit status. An error of another kind is a bug, and is told with its
 * stack. Errors quote files and the cluster, so their text is made plain.
 */
export function toldExitCode(
  error: unknown,
  { stderr }: Pick<Host, 'stderr'>,
  program: string,
  statuses: ErrorStatuses,
): number {
  // commander has said it already; help is not an error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : statuses.usage
  const told = toldErrorOf(error, statuses)
  const text = told === undefined ? inspect(error) : `${program}: ${told.message}\n  what to do: ${told.remedy}`
  stderr.write(`${plainLines(text)}\n`)
  return told?.exitCode ?? statuses.bug
}

function toldErrorOf(
  error: unknown,
  { usage, unusable }: ErrorStatuses,
): Pick<ToldError, 'message' | 'remedy' | 'exitCode'> | undefined {
  if (error instanceof LivenessError) {
    const { code, message } = error
    const isUsage = code === 'INVALID_NAME' || code === 'INVALID_OPTION'
    return { message: `${message} [${code}]`, remedy: remedyOf(code), exitCode: isUsage ? usage : unusable }
  }
  return isTold(error) ? error : undefined
}

function isTold(error: unknown): error is ToldError {
  if (!(error instanceof Error)) return false
  const { remedy, exitCode } = error as Partial<ToldError>
  return typeof remedy === 'string' && typeof exitCode === 'number'
}

const otherOwner = 'run this program as the user that made the region, or remove the region'

/** The codes that a wrong setting leads to. */
const remedies: Partial<Record<LivenessErrorCode, string>> = {
  NAME_TAKEN: 'stop the other worker of this name, or name another region',
  NO_FREE_SLOT: 'run `npx shm-liveness status`, and retire workers that are dead',
  NO_SPACE: 'enlarge /dev/shm',
  REGION_ACCESS: otherOwner,
  REGION_OWNER: otherOwner,
  REGION_VERSION: 'use one release of shm-liveness in all containers of the pod',
  INVALID_NAME: 'use 1 to 63 of A-Z a-z 0-9 . _ - without a dot at the beginning',
  NO_BINARY: 'run `npm run setup`',
}

function remedyOf(code: LivenessErrorCode): string {
  return remedies[code] ?? `look up ${code} in README.md of shm-liveness, "Errors"`
}
