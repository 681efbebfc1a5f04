import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { afterTests } from './after-tests.js'
import { until } from './until.js'
import { withoutStacks } from './without-stacks.js'

const running = new Set<Program>()
/** As in until.ts. */
const limitMs = 60_000

export interface Ending {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface ProgramOptions {
  /** Flags of node, such as `--expose-gc`. */
  flags?: string[]
  env?: Record<string, string>
}

/**
 * A small program as a process of its own. It writes a line for each stage that it reaches. Killed after the test, if it
 * still runs.
 */
export class Program {
  readonly ended: Promise<Ending>
  readonly lines: string[] = []
  stderr = ''
  readonly #child: ChildProcess
  readonly #news = new EventEmitter()

  private constructor(command: string, args: string[], env: Record<string, string>) {
    // Not in the repository: what an abort leaves behind must not be committed.
    this.#child = spawn(command, args, {
      cwd: tmpdir(),
      env: { PATH: process.env['PATH'] ?? '', ...withoutStacks, ...env },
    })
    running.add(this)
    this.#child.stderr?.on('data', (data) => (this.stderr += data))
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.lines.push(line)
      this.#news.emit('news')
    })
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      running.delete(this)
      this.#news.emit('news')
      return { code, signal }
    })
  }

  /** Runs a fixture of test/fixtures/ with node. */
  static fixture(name: string, args: string[], { flags = [], env = {} }: ProgramOptions = {}): Program {
    const path = new URL(`../../dist-programs/test/fixtures/${name}.js`, import.meta.url).pathname
    return new Program(process.execPath, [...flags, path, ...args], env)
  }

  static run(command: string, args: string[], env: Record<string, string> = {}): Program {
    return new Program(command, args, env)
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** Waits for a line that begins with `text`, and gives the rest of it; takes it and all before it off the list. */
  async said(text: string): Promise<string> {
    const limit = AbortSignal.timeout(limitMs)
    for (;;) {
      const at = this.lines.findIndex((line) => line.startsWith(text))
      const line = this.lines[at]
      if (line !== undefined) {
        this.lines.splice(0, at + 1)
        return line.slice(text.length).trim()
      }
      const seen = () => `"${text}". Seen: ${[...this.lines, this.stderr].join('\n')}`
      if (!running.has(this)) throw new Error(`It ended without a line that begins with ${seen()}`)
      await once(this.#news, 'news', { signal: limit }).catch(() => {
        throw new Error(`Not within ${limitMs / 1000} s: a line that begins with ${seen()}`)
      })
    }
  }

  /** Waits until its standard error holds `text`, and gives all of it. */
  async complained(text: string): Promise<string> {
    await until(`"${text}" on standard error`, () => {
      if (this.stderr.includes(text)) return true
      if (!running.has(this)) throw new Error(`It ended without "${text}" on standard error: ${this.stderr}`)
      return false
    })
    return this.stderr
  }

  /** A line on its standard input. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  /** Nothing happens if it has ended. */
  send(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ending> {
    this.#child.kill(signal)
    return this.ended
  }

  /** Kills it, and does not wait for processes of its own that still have its output open. */
  abandon(): Promise<Ending> {
    this.#child.once('exit', () => {
      for (const output of [this.#child.stdout, this.#child.stderr]) output?.destroy()
    })
    return this.kill()
  }
}

afterTests(() => Promise.all([...running].map((program) => program.abandon())))
