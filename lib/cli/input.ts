import { readFileSync } from 'node:fs'
import { CommandError, exitCodes } from './exit-codes.js'

/** A text and where it came from. */
export interface Source {
  /** The file's path as it was given; `stdin` for standard input. */
  name: string
  /** undefined: standard input. */
  file: string | undefined
  text: string
}

/** The files named, or standard input if there are none (or one is `-`). @throws CommandError `unreadable`, `usage` */
export function readSources(files: readonly string[]): Source[] {
  if (files.length === 0 && process.stdin.isTTY) {
    throw new CommandError(exitCodes.usage, 'no file is named, and nothing is piped to standard input')
  }
  return (files.length === 0 ? ['-'] : files).map((file) =>
    file === '-'
      ? { name: 'stdin', file: undefined, text: read(0, 'stdin') }
      : { name: file, file, text: read(file, file) },
  )
}

function read(file: string | number, name: string): string {
  try {
    // A byte order mark stays: what is not ours to change is written as it was read.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file))
  } catch (cause) {
    const reason =
      cause instanceof Error && 'code' in cause && cause.code !== 'ERR_ENCODING_INVALID_ENCODED_DATA'
        ? cause.message
        : 'it is not UTF-8 text'
    throw new CommandError(exitCodes.unreadable, `${name}: ${reason}`, { cause })
  }
}
