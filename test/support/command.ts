import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** The compiled command line. */
export const main = join(import.meta.dirname, '../../dist/cli/main.js')

export interface CommandResult {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the compiled command line, with `input` on its standard input. */
export function shmLiveness(
  args: string[],
  input: string | Buffer = '',
  env: Record<string, string> = {},
): CommandResult {
  const done = spawnSync(process.execPath, [main, ...args], { input, encoding: 'utf8', env, maxBuffer: 1 << 28 })
  return { code: done.status, stdout: done.stdout, stderr: done.stderr }
}
