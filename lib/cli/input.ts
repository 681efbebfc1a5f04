import { readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { CommandError, exitCodes } from './exit-codes.js'
import type { Streams } from './session.js'

/** A text and where it came from. */
export interface Source {
  /** The file's path as it was given; `stdin` for standard input. */
  name: string
  /** undefined: standard input. */
  file: string | undefined
  text: string
}

/** @throws CommandError `usage`: without a file a terminal would be waited for */
export function requireInput(files: readonly string[], stdin: Streams['stdin']): void {
  if (files.length === 0 && stdin.isTTY) {
    throw new CommandError(exitCodes.usage, 'no file is named, and nothing is piped to standard input')
  }
}

/** The files named, or standard input if there are none (or one is `-`). @throws CommandError `unreadable`, `usage` */
export async function readSources(files: readonly string[], stdin: Streams['stdin']): Promise<Source[]> {
  requireInput(files, stdin)
  const sources: Source[] = []
  for (const file of files.length === 0 ? ['-'] : files) sources.push(await readSource(file, stdin))
  return sources
}

/** @param file `-`: standard input. @throws CommandError `unreadable` */
export async function readSource(file: string, stdin: Readable): Promise<Source> {
  const name = file === '-' ? 'stdin' : file
  const bytes = await read(name, () => (file === '-' ? buffer(stdin) : readFile(file)))
  return { name, file: file === '-' ? undefined : file, text: textOf(name, bytes) }
}

/** Standard input as a stream: a pipe that its writer made non-blocking answers a plain read with EAGAIN. */
async function read(name: string, bytes: () => Promise<Buffer>): Promise<Buffer> {
  try {
    return await bytes()
  } catch (cause) {
    throw new CommandError(exitCodes.unreadable, `${name}: ${(cause as Error).message}`, { cause })
  }
}

function textOf(name: string, bytes: Buffer): string {
  try {
    // A byte order mark stays: what is not ours to change is written as it was read.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new CommandError(exitCodes.unreadable, `${name}: it is not UTF-8 text`, { cause })
  }
}
