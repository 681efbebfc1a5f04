import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { run } from '../../dist/cli/run.js'

/** The compiled command line. */
export const main = join(import.meta.dirname, '../../dist/cli/main.js')

export interface CommandResult {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the compiled command line in this process, with `input` on its standard input. */
export async function shmLiveness(args: string[], input: string | Buffer = ''): Promise<CommandResult> {
  const texts = { stdout: '', stderr: '' }
  const collect = (name: keyof typeof texts) => ({ write: (text: string) => (texts[name] += text) })
  const code = await run(args, {
    stdin: Readable.from([Buffer.from(input)]),
    stdout: collect('stdout'),
    stderr: collect('stderr'),
  })
  return { code, ...texts }
}

/** As {@link shmLiveness}, in a process of its own: for what only a process has, and takes 0.1 s and more. */
export function spawnShmLiveness(
  args: string[],
  input: string | Buffer = '',
  env: Record<string, string> = {},
): CommandResult {
  const done = spawnSync(process.execPath, [main, ...args], { input, encoding: 'utf8', env })
  return { code: done.status, stdout: done.stdout, stderr: done.stderr }
}
