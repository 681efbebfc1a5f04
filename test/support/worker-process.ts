import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { ClaimOptions } from 'shm-liveness'
import { afterAll, afterEach } from 'vitest'
import type { Request } from '../fixtures/worker.js'
import { until } from './until.js'
import { withoutStacks } from './without-stacks.js'

const fixture = new URL('../../dist-programs/test/fixtures/worker.js', import.meta.url).pathname
const running = new Set<WorkerProcess>()
/** Processes whose test is over, ready for the next one: a start of node takes 100 ms. */
const idle: WorkerProcess[] = []

/** What a request was refused with; `code` is that of the LivenessError. */
export class WorkerRefusal extends Error {
  constructor(
    message: string,
    readonly code: string | undefined,
  ) {
    super(message)
  }
}

/**
 * A real process that claims, beats, stalls and dies on request. After the test it stops its claim and serves another
 * test of the same file, unless it is dead or in a state of which nothing may remain: then it is killed.
 */
export class WorkerProcess {
  #unanswered = 0

  private constructor(
    readonly child: ChildProcess,
    /** Whether it may serve another test. */
    private isReusable: boolean,
  ) {
    running.add(this)
    child.on('message', () => this.#unanswered--)
  }

  /** `wrapper` is a command in front of node, such as `unshare`; it must pass on descriptor 3 and exec. */
  static async start(options: { env?: Record<string, string>; wrapper?: string[] } = {}): Promise<WorkerProcess> {
    const isPlain = options.env === undefined && options.wrapper === undefined
    const reused = isPlain ? idle.pop() : undefined
    if (reused !== undefined) {
      running.add(reused)
      return reused
    }
    const [command = process.execPath, ...args] = [...(options.wrapper ?? []), process.execPath]
    const child = fork(fixture, [], {
      env: { PATH: process.env['PATH'] ?? '', ...withoutStacks, ...options.env },
      execPath: command,
      execArgv: args,
    })
    const worker = new WorkerProcess(child, isPlain)
    worker.#unanswered = 1 // it says that it is up
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
    this.tell(request)
    const [answer] = (await once(this.child, 'message')) as [
      { value?: unknown; error?: { message: string; code?: string } },
    ]
    if (answer.error !== undefined) throw new WorkerRefusal(answer.error.message, answer.error.code)
    return answer.value
  }

  /** Sends a request whose answer may never come (block, exit, throw). */
  tell(request: Request): void {
    this.#unanswered++
    this.child.send(request)
  }

  signal(signal: NodeJS.Signals): void {
    this.isReusable = false
    process.kill(this.pid, signal)
  }

  /** Stops it by a signal. Resolves once it is stopped. */
  async freeze(): Promise<void> {
    this.signal('SIGSTOP')
    await until('the worker is stopped', () => readFileSync(`/proc/${this.pid}/stat`, 'utf8').includes(') T '))
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

  /** Makes it ready for another test, or kills it. */
  async release(): Promise<void> {
    if (!this.isReusable || this.#unanswered > 0 || !this.child.connected) return this.kill()
    const death = new AbortController()
    const onExit = () => death.abort()
    this.child.once('exit', onExit)
    try {
      this.tell({ do: 'reset' })
      const [answer] = await once(this.child, 'message', { signal: death.signal })
      if (answer.error !== undefined) throw answer.error
    } catch {
      return this.kill()
    } finally {
      this.child.off('exit', onExit)
    }
    running.delete(this)
    idle.push(this)
  }
}

afterEach(async () => {
  await Promise.all([...running].map((worker) => worker.release()))
})
afterAll(async () => {
  await Promise.all(idle.splice(0).map((worker) => worker.kill()))
})
