import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterEach } from 'vitest'
import type { Host } from '../../../examples/kata-build-runner/cli/host.js'
import { runProgram } from '../../../examples/kata-build-runner/cli/program.js'
import type { Clock } from '../../../examples/kata-build-runner/model/clock.js'
import type { BuildResult } from '../../../examples/kata-build-runner/model/result.js'
import { FakeKubeApi, type FakeKubeApiOptions } from '../../fakes/kube-api/index.js'
import { SimulatedClock } from '../../support/simulated-clock.js'
import { addRuntimeClass, configText, namespace } from '../follow/scene.js'

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export interface DeskOptions {
  /** @default kata */
  runtimeClasses?: string[]
}

/** A command line that is carried out in this process. */
export class RunnerCall {
  stdout = ''
  stderr = ''
  readonly ended: Promise<Ended>
  readonly #hears = new Set<(signal: NodeJS.Signals) => void>()

  constructor(args: string[], clock: Clock) {
    let code = 0
    let leave = () => {}
    const left = new Promise<void>((resolve) => {
      leave = resolve
    })
    const host: Host = {
      stdout: writer((text) => (this.stdout += text)),
      stderr: writer((text) => (this.stderr += text)),
      ...{ env: {}, clock, leave },
      onSignal: (hear) => {
        this.#hears.add(hear)
        return () => void this.#hears.delete(hear)
      },
      setExitCode: (set) => {
        code = set
      },
    }
    this.ended = Promise.race([runProgram(args, host), left]).then(() => ({
      ...{ code, stdout: this.stdout, stderr: this.stderr },
    }))
  }

  signal(name: NodeJS.Signals): void {
    for (const hear of [...this.#hears]) hear(name)
  }
}

function writer(take: (text: string) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: Buffer | string, _encoding, done) {
      take(chunk.toString())
      done()
    },
  })
}

/** A cluster, and a folder with what a user of the runner has there. */
export class Place {
  readonly kube: FakeKubeApi
  readonly folder = mkdtempSync(join(tmpdir(), 'build-runner-'))

  protected constructor(kube: FakeKubeApi, kubernetes: string[], { runtimeClasses = ['kata'] }: DeskOptions) {
    this.kube = kube
    for (const name of runtimeClasses) addRuntimeClass(kube, name)
    opened.push(this)
    this.write('executor.yaml', configText(...kubernetes))
  }

  protected static async cluster(options: FakeKubeApiOptions): Promise<FakeKubeApi> {
    return await FakeKubeApi.start({ namespace, ...options })
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

  /** A command with what all commands need. */
  protected argsOf(command: string, args: string[]): string[] {
    return [command, '--config', this.path('executor.yaml'), '--kubeconfig', this.kube.kubeconfig, ...args]
  }

  async close(): Promise<void> {
    await this.kube.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Its commands run in this process, by one clock with the cluster: it goes as fast as they work. */
export class Desk extends Place {
  readonly clock: SimulatedClock
  readonly #calls: RunnerCall[] = []

  private constructor(clock: SimulatedClock, kube: FakeKubeApi, kubernetes: string[], options: DeskOptions) {
    super(kube, kubernetes, options)
    this.clock = clock
  }

  static async open(kubernetes: string[] = [], options: DeskOptions = {}): Promise<Desk> {
    const clock = new SimulatedClock()
    return new Desk(clock, await Place.cluster({ clock }), kubernetes, options)
  }

  start(command: string, ...args: string[]): RunnerCall {
    const call = new RunnerCall(this.argsOf(command, args), this.clock)
    this.#calls.push(call)
    return call
  }

  /** The same, to its end. */
  async call(command: string, ...args: string[]): Promise<Ended> {
    return await this.ending(this.start(command, ...args))
  }

  /** Lets time pass until the command has ended. */
  async ending({ ended }: RunnerCall): Promise<Ended> {
    return await this.clock.ending(ended)
  }

  /** Lets time pass until a state. */
  until: SimulatedClock['until'] = (what, look) => this.clock.until(what, look)

  override async close(): Promise<void> {
    // What is still under way is left: that ends it at once.
    for (const call of this.#calls) for (let time = 0; time < 2; time++) call.signal('SIGINT')
    await this.clock.ending(Promise.all(this.#calls.map(({ ended }) => ended)))
    await super.close()
  }
}

const opened: Place[] = []
afterEach(async () => {
  for (const place of opened.splice(0)) await place.close()
})
