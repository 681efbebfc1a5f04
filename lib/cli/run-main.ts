import type { ExitCode } from './exit-codes.js'
import { statusOf } from './run-program.js'
import type { Streams } from './session.js'

/** Runs a command line as this process. */
export async function main(
  name: string,
  run: (args: readonly string[], streams: Streams) => Promise<ExitCode>,
): Promise<void> {
  // yaml asks process.env at every token, which is a call into the system each time; a copy is a plain object.
  process.env = { ...process.env }

  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that takes only the beginning (head) is not an error.
    if (error.code === 'EPIPE') process.exit()
    process.exitCode = statusOf(name, error, process)
  })

  const status = await run(process.argv.slice(2), process)
  // Output that could not be written has its status already.
  process.exitCode ??= status
}
