import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type DeskOptions, type Ended, Place } from './desk.js'

/** The compiled runner; elsewhere than in `dist-programs` if the environment says so. */
const main =
  process.env['BUILD_RUNNER_MAIN'] ??
  join(import.meta.dirname, '../../../dist-programs/examples/kata-build-runner/main.js')

/** A runner as a process of its own. */
export class RunnerProcess {
  stdout = ''
  stderr = ''
  readonly child: ChildProcess
  readonly ended: Promise<Ended>

  constructor(args: string[], environment: Record<string, string>) {
    this.child = spawn(process.execPath, [main, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.on('data', (bytes: Buffer) => (this.stdout += bytes.toString()))
    this.child.stderr?.on('data', (bytes: Buffer) => (this.stderr += bytes.toString()))
    this.ended = once(this.child, 'close').then(([code]) => ({ code, stdout: this.stdout, stderr: this.stderr }))
  }
}

/** Its commands are processes. So cluster and runners go by the system's clock; a second of a grace is 25 ms. */
export class ProcessDesk extends Place {
  readonly #running = new Set<RunnerProcess>()

  static async open(kubernetes: string[] = [], options: DeskOptions = {}): Promise<ProcessDesk> {
    return new ProcessDesk(await Place.cluster({ secondMs: 25 }), kubernetes, options)
  }

  start(command: string, ...args: string[]): RunnerProcess {
    const runner = new RunnerProcess(this.argsOf(command, args), { PATH: process.env['PATH'] ?? '' })
    this.#running.add(runner)
    void runner.ended.then(() => this.#running.delete(runner))
    return runner
  }

  /** The same, to its end. */
  async call(command: string, ...args: string[]): Promise<Ended> {
    return await this.start(command, ...args).ended
  }

  override async close(): Promise<void> {
    for (const runner of this.#running) runner.child.kill('SIGKILL')
    await Promise.all([...this.#running].map(({ ended }) => ended))
    await super.close()
  }
}
