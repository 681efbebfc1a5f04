/** The build runner as its users start it: compiled, a process for each command. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BuildResult } from '../../../examples/kata-build-runner/model/result.js'
import { until } from '../../support/until.js'
import type { Build } from './builds.js'

/** Elsewhere than in `dist-programs` if the environment says so. */
const main =
  process.env['BUILD_RUNNER_MAIN'] ??
  join(import.meta.dirname, '../../../dist-programs/examples/kata-build-runner/main.js')

const mostLines = 60

export class RunnerProcess {
  stdout = ''
  stderr = ''
  code: number | null | undefined
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>

  /** @param resultPath where `--result` is to write to */
  constructor(
    readonly args: readonly string[],
    readonly resultPath: string,
  ) {
    // All of the environment: a kubeconfig may run a program of its own for its credentials.
    this.#child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout?.on('data', (bytes: Buffer) => (this.stdout += bytes.toString()))
    this.#child.stderr?.on('data', (bytes: Buffer) => (this.stderr += bytes.toString()))
    this.#closed = once(this.#child, 'close').then(([code]) => (this.code = code))
  }

  /** Its exit code. @throws Error, if it takes longer */
  async ended(withinSeconds: number): Promise<number | null> {
    await Promise.race([this.#closed, sleep(withinSeconds * 1000, undefined, { ref: false })])
    if (this.code !== undefined) return this.code
    throw new Error(`the runner has not ended within ${withinSeconds} s: ${this.args.join(' ')}`)
  }

  /** Until its output has these words. @throws Error, if it ends before, or it takes longer */
  async says(words: string, withinSeconds: number): Promise<void> {
    const says = () => {
      if (this.stdout.includes(words)) return true
      if (this.code !== undefined) throw new Error(`the runner ended with ${this.code}, and never said "${words}"`)
      return false
    }
    await until(`the runner says "${words}"`, says, withinSeconds * 1000)
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#closed
  }

  /** @throws Error, if there is none */
  result<Result = BuildResult>(): Result {
    if (!existsSync(this.resultPath)) throw new Error(`the runner wrote no result: ${this.args.join(' ')}`)
    return JSON.parse(readFileSync(this.resultPath, 'utf8')) as Result
  }

  story(): string {
    const written = existsSync(this.resultPath) ? readFileSync(this.resultPath, 'utf8').trim() : '(none)'
    return [
      `===== build-runner ${this.args.join(' ')}: ${this.code === undefined ? 'it still ran' : `exit ${this.code}`} =====`,
      ...['----- its standard error -----', lastLines(this.stderr)],
      ...['----- its standard output -----', lastLines(this.stdout)],
      ...['----- its result -----', written, '====='],
    ].join('\n')
  }
}

function lastLines(text: string): string {
  const lines = text.trimEnd().split('\n')
  const left = lines.length - mostLines
  return (left > 0 ? `(${left} lines before)\n${lines.slice(left).join('\n')}` : lines.join('\n')) || '(empty)'
}

/** A folder with what a user of the runner has there, and all runners that were started from it. */
export class Desk {
  readonly runners: RunnerProcess[] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'shm-liveness-builds-'))

  constructor(config: string) {
    writeFileSync(join(this.#folder, 'executor.yaml'), config)
  }

  run(build: Build): RunnerProcess {
    return this.#following('run', this.#file(build))
  }

  attach(build: Build): RunnerProcess {
    return this.#following('attach', build.id)
  }

  compare(build: Build, classes: readonly string[]): RunnerProcess {
    return this.#following('compare', this.#file(build), ...classes.flatMap((name) => ['--runtime-class', name]))
  }

  cancel(build: Build): RunnerProcess {
    return this.#start(['cancel', build.id])
  }

  preflight(): RunnerProcess {
    return this.#start(['preflight'])
  }

  story(): string {
    return this.runners.map((runner) => runner.story()).join('\n')
  }

  async close(): Promise<void> {
    await Promise.all(this.runners.map((runner) => runner.kill()))
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #file(build: Build): string {
    const path = join(this.#folder, `${build.id}.yaml`)
    writeFileSync(path, JSON.stringify(build, null, 2))
    return path
  }

  #following(command: string, ...args: string[]): RunnerProcess {
    return this.#start([command, '--progress', ...args], ['--result', this.#resultPath()])
  }

  #start([command = '', ...args]: string[], flags: string[] = []): RunnerProcess {
    const config = join(this.#folder, 'executor.yaml')
    const runner = new RunnerProcess([command, '--config', config, ...flags, ...args], flags[1] ?? this.#resultPath())
    this.runners.push(runner)
    return runner
  }

  #resultPath(): string {
    return join(this.#folder, `result-${this.runners.length + 1}.json`)
  }
}
