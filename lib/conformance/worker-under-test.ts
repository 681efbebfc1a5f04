import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** What a worker said to one request: `ok`, and what stands behind it, or `error` with a code. */
export type Answer = { ok: true; value: string } | { ok: false; code: string }

/** The worker does not keep to the protocol. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

/** How long a worker may take for an answer. Above the 5 s that a claim may wait for another one. */
const answerWithinMs = 60_000

/** A process of the command that is tested. docs/conformance.md describes what it is asked. */
export class WorkerUnderTest {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #waiting: ((line: string | undefined) => void)[] = []
  #lastWords = ''

  constructor(command: readonly string[], environment: Record<string, string>) {
    const [program = '', ...args] = command
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
    const ends = (): void => {
      for (const answer of this.#waiting.splice(0)) answer(undefined)
    }
    this.#exited = new Promise<void>((resolve) => {
      this.#child.once('error', (error) => {
        this.#lastWords = error.message
        resolve()
      })
      this.#child.once('exit', () => resolve())
    })
    this.#child.stdin?.on('error', () => {}) // it ended: the answer that never comes says so
    this.#child.stderr?.on('data', (text) => (this.#lastWords = (this.#lastWords + String(text)).slice(-500)))
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })
      .on('line', (line) => this.#waiting.shift()?.(line))
      .once('close', ends)
    void this.#exited.then(ends)
  }

  /** @throws ProtocolError if the process was not started */
  get pid(): number {
    if (this.#child.pid === undefined) throw new ProtocolError(`cannot start the worker: ${this.#lastWords}`)
    return this.#child.pid
  }

  /** @throws ProtocolError if the worker ends, is silent or answers something else */
  async ask(request: string): Promise<Answer> {
    const line = await this.#lineAfter(request)
    const match = /^(?:(ok)(?: (.*))?|error ([A-Z_]+)(?: .*)?)$/.exec(line)
    if (match === null) throw new ProtocolError(`"${request}" was answered by "${line}", expected "ok" or "error CODE"`)
    return match[1] === 'ok' ? { ok: true, value: match[2] ?? '' } : { ok: false, code: match[3] as string }
  }

  /** As {@link ask}, for a request that must succeed. */
  async must(request: string): Promise<string> {
    const answer = await this.ask(request)
    if (!answer.ok) throw new ProtocolError(`"${request}" was answered by "error ${answer.code}", expected "ok"`)
    return answer.value
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves when the kernel has taken the process away, and with it its locks. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  async #lineAfter(request: string): Promise<string> {
    const line = await new Promise<string | undefined>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new ProtocolError(`no answer to "${request}" within ${answerWithinMs / 1000} s`)),
        answerWithinMs,
      )
      this.#waiting.push((answer) => {
        clearTimeout(timer)
        resolve(answer)
      })
      this.#child.stdin?.write(`${request}\n`)
    })
    if (line !== undefined) return line
    if (this.#child.exitCode === null) await Promise.race([once(this.#child, 'exit'), this.#exited])
    throw new ProtocolError(`the worker ended instead of answering "${request}". It wrote: ${this.#lastWords.trim()}`)
  }
}
