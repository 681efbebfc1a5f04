import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { plain } from '../../../kata-build-runner/model/plain-text.js'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'

export interface Done {
  code: number | null
  stdout: string
  stderr: string
}

/** Podman's program. It runs in a session of its own, so Ctrl-C reaches this process alone, which then removes the pod. */
export class Podman {
  readonly #program: string

  constructor(program: string) {
    this.#program = program
  }

  /** Runs it to its end, whatever its exit status is. */
  async try(
    args: readonly string[],
    { limitMs, variables }: { limitMs?: number; variables?: Readonly<Record<string, string>> } = {},
  ): Promise<Done> {
    const child = this.#spawn(args, variables)
    const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)]
    const limit = limitMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), limitMs)
    const code = await this.#ended(child)
    clearTimeout(limit)
    return { code, stdout: await stdout, stderr: await stderr }
  }

  /**
   * @param remedy what to do if it fails. The error does not show the arguments: the command of a container can have a
   *   password among its words.
   * @throws RunnerError `API` with podman's words, if it fails
   */
  async run(
    args: readonly string[],
    {
      variables,
      remedy = 'fix what podman says',
    }: { variables?: Readonly<Record<string, string>>; remedy?: string } = {},
  ): Promise<string> {
    const { code, stdout, stderr } = await this.try(args, variables === undefined ? {} : { variables })
    if (code === 0) return stdout
    throw new RunnerError('API', `podman ${args[0]} failed with ${code}: ${plain(stderr, 500)}`, remedy)
  }

  /** Runs it with its output passed on. @returns its exit status */
  async pass(args: readonly string[], stdout: Writable, stderr: Writable): Promise<number | null> {
    const child = this.#spawn(args)
    child.stdout?.pipe(stdout, { end: false })
    child.stderr?.pipe(stderr, { end: false })
    return await this.#ended(child)
  }

  /** Runs it with each line of its output passed on. */
  async lines(args: readonly string[], say: (line: string) => void): Promise<void> {
    const child = this.#spawn(args)
    for (const stream of [child.stdout, child.stderr]) createInterface(stream as Readable).on('line', say)
    await this.#ended(child)
  }

  #spawn(args: readonly string[], variables: Readonly<Record<string, string>> = {}): ChildProcess {
    const env = { ...process.env, ...variables }
    return spawn(this.#program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env })
  }

  async #ended(child: ChildProcess): Promise<number | null> {
    try {
      const [code] = await once(child, 'close')
      return code
    } catch (error) {
      const remedy = 'install podman, or name its program with --podman'
      throw new RunnerError('API', `cannot run ${this.#program}: ${(error as Error).message}`, remedy, { cause: error })
    }
  }
}

async function textOf(stream: Readable | null): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of stream ?? []) parts.push(part)
  return Buffer.concat(parts).toString()
}
