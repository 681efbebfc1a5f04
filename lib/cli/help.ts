/** What `--help` says behind the options: how a command ends, and how it is used. */
import type { Command } from 'commander'
import { type ExitCode, exitCodes } from './exit-codes.js'

export interface Help {
  /** What each exit code means, for those that the command has beside `usage`. true: as for all commands. */
  exits: { ok: string; found?: string; unreadable: string | true; refused?: string }
  /** Lines for a shell, and what they are for. */
  examples: readonly [line: string, use: string][]
}

const unreadable = 'an input cannot be read, or the output cannot be written'

export function withHelp(command: Command, { exits, examples }: Help): Command {
  const texts = {
    ...exits,
    usage: 'a flag or argument is wrong',
    unreadable: exits.unreadable === true ? unreadable : exits.unreadable,
  }
  const rows = Object.entries(texts)
    .map(([name, text]): [ExitCode, string] => [exitCodes[name as keyof typeof texts], text])
    .sort(([a], [b]) => a - b)
  const width = Math.max(...examples.map(([line]) => line.length))
  return command.addHelpText(
    'after',
    [
      '',
      'Exit codes:',
      ...rows.map(([code, text]) => `  ${code}  ${text}`),
      '',
      'Examples:',
      ...examples.map(([line, use]) => `  ${line.padEnd(width)}  # ${use}`),
    ].join('\n'),
  )
}
