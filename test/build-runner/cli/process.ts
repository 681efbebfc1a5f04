import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { BuildResult } from '../../../examples/kata-build-runner/model/result.js'
import { FakeKubeApi } from '../../fakes/kube-api/index.js'
import { addRuntimeClass, configText, namespace } from '../follow/scene.js'

/** The compiled runner; elsewhere than in `dist-programs` if the environment says so. */
const main =
  process.env['BUILD_RUNNER_MAIN'] ??
  join(import.meta.dirname, '../../../dist-programs/examples/kata-build-runner/main.js')

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

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

/** A cluster, and a folder with what a user of the runner has there. */
export class Desk {
  readonly kube: FakeKubeApi
  readonly folder = mkdtempSync(join(tmpdir(), 'build-runner-'))
  readonly #running = new Set<RunnerProcess>()

  private constructor(kube: FakeKubeApi) {
    this.kube = kube
  }

  static async open(kubernetes: string[] = [], { runtimeClasses = ['kata'] } = {}): Promise<Desk> {
    const desk = new Desk(await FakeKubeApi.start({ namespace, secondMs: 25 }))
    for (const name of runtimeClasses) addRuntimeClass(desk.kube, name)
    opened.push(desk)
    desk.write('executor.yaml', configText(...kubernetes))
    return desk
  }

  write(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text)
    return path
  }

  makeFolder(name: string): void {
    mkdirSync(this.path(name))
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  result(name = 'result.json'): BuildResult | undefined {
    return existsSync(this.path(name)) ? (JSON.parse(readFileSync(this.path(name), 'utf8')) as BuildResult) : undefined
  }

  build(id: string, more = ''): string {
    return this.write(
      `${id}.yaml`,
      `id: ${id}\nimage: node:20\nsteps: [{name: install, argv: [npm, ci]}, {name: test, shell: npm test}]\n${more}`,
    )
  }

  start(command: string, ...args: string[]): RunnerProcess {
    const common = ['--config', this.path('executor.yaml'), '--kubeconfig', this.kube.kubeconfig]
    const runner = new RunnerProcess([command, ...common, ...args], { PATH: process.env['PATH'] ?? '' })
    this.#running.add(runner)
    void runner.ended.then(() => this.#running.delete(runner))
    return runner
  }

  /** The same, to its end. */
  async call(command: string, ...args: string[]): Promise<Ended> {
    return await this.start(command, ...args).ended
  }

  async close(): Promise<void> {
    for (const runner of this.#running) runner.child.kill('SIGKILL')
    await Promise.all([...this.#running].map(({ ended }) => ended))
    await this.kube.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const opened: Desk[] = []
afterEach(async () => {
  for (const desk of opened.splice(0)) await desk.close()
})
