/** kubectl as a program: it has the user's kubeconfig, plug-ins for credentials, and proxies. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { CommandError, exitCodes } from '../exit-codes.js'
import { printable } from '../output.js'

export interface Answer {
  /** undefined: it was killed, since it took too long or said too much. */
  code: number | undefined
  stdout: string
  /** Why there is no answer in `stdout`; one line. */
  complaint: string
}

/** More than shm-probe prints about four regions of 4,096 workers. */
const mostBytes = 32 * 1024 * 1024

export class Kubectl {
  constructor(
    private readonly connection: readonly string[],
    private readonly timeoutMs: number,
  ) {}

  /** @throws CommandError `unreadable`, if there is no kubectl */
  async run(args: readonly string[]): Promise<Answer> {
    const child = spawn('kubectl', [...this.connection, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let stopped: string | undefined
    const stop = (reason: string): void => {
      stopped ??= reason
      child.kill('SIGKILL')
    }
    const timer = setTimeout(() => stop(`no answer within ${this.timeoutMs / 1000} s`), this.timeoutMs)
    const texts = [child.stdout, child.stderr].map(async (stream) => {
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > mostBytes) stop(`more than ${mostBytes / 1024 / 1024} MiB of output`)
        else chunks.push(chunk)
      }
      return Buffer.concat(chunks).toString()
    })
    try {
      const [[code], stdout = '', stderr = ''] = await Promise.all([once(child, 'close'), ...texts])
      return { code: code ?? undefined, stdout, complaint: stopped ?? complaintOf(stderr) }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
      throw new CommandError(exitCodes.unreadable, 'kubectl is not on PATH. Install it, or add its folder to PATH.', {
        cause,
      })
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The lines that say why; those of the remote program are among them. */
function complaintOf(stderr: string): string {
  const lines = stderr.split('\n').map((line) => printable(line).trim())
  const said = lines.filter((line) => line !== '' && !/^(Defaulted container|Warning:)/.test(line))
  const reasons = said.filter((line) => !line.startsWith('command terminated with exit code'))
  return (reasons.length > 0 ? reasons : said).map((line) => line.replace(/^error: /, '')).join('; ')
}
