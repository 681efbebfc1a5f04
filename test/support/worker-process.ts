import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { ClaimOptions } from 'shm-liveness'
import { afterEach } from 'vitest'
import type { Request } from '../fixtures/worker.js'

const fixture = new URL('../../dist-programs/test/fixtures/worker.js', import.meta.url).pathname
const running = new Set<WorkerProcess>()

/** What a request was refused with; `code` is that of the LivenessError. */
export class WorkerRefusal extends Error {
  constructor(
    message: string,
    readonly code: string | undefined,
  ) {
    super(message)
  }
}

/** A real process that claims, beats, stalls and dies on request. Killed after the test, if it still runs. */
export class WorkerProcess {
  private constructor(readonly child: ChildProcess) {
    running.add(this)
  }

  /** `wrapper` is a command in front of node, such as `unshare`; it must pass on descriptor 3 and exec. */
  static async start(options: { env?: Record<string, string>; wrapper?: string[] } = {}): Promise<WorkerProcess> {
    const [command = process.execPath, ...args] = [...(options.wrapper ?? []), process.execPath]
    const child = fork(fixture, [], {
      env: { PATH: process.env['PATH'] ?? '', ...options.env },
      execPath: command,
      execArgv: args,
    })
    const worker = new WorkerProcess(child)
    await once(child, 'message')
    return worker
  }

  /** Starts and claims. */
  static async claim(
    claim: ClaimOptions,
    options: { env?: Record<string, string>; wrapper?: string[] } = {},
  ): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(options)
    await worker.ask({ do: 'claim', options: claim })
    return worker
  }

  get pid(): number {
    return this.child.pid as number
  }

  async ask(request: Request): Promise<unknown> {
    this.child.send(request)
    const [answer] = (await once(this.child, 'message')) as [
      { value?: unknown; error?: { message: string; code?: string } },
    ]
    if (answer.error !== undefined) throw new WorkerRefusal(answer.error.message, answer.error.code)
    return answer.value
  }

  /** Sends a request whose answer may never come (block, exit, throw). */
  tell(request: Request): void {
    this.child.send(request)
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal)
  }

  /** Resolves once the process is reaped, and so its locks are gone. */
  async gone(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit')
    running.delete(this)
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.gone()
  }
}

afterEach(async () => {
  await Promise.all([...running].map((worker) => worker.kill()))
})
