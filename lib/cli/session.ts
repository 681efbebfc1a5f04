import type { Readable } from 'node:stream'
import type { ExitCode } from './exit-codes.js'

interface Output {
  write(text: string): unknown
}

/**
 * What the command line reads and writes: the streams of the process, or those of a test. `stdin` is opened by its first
 * use, so only a command that reads it must touch it.
 */
export interface Streams {
  stdin: Readable & { isTTY?: boolean }
  stdout: Output
  stderr: Output
}

/** One run of the command line. A command sets the status that the run ends with. */
export interface Session {
  readonly streams: Streams
  status: ExitCode
}
