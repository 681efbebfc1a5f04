import { afterEach } from 'vitest'
import type { BuildApi } from '../../../examples/kata-build-runner/api/build-api.js'
import { connect } from '../../../examples/kata-build-runner/api/connect.js'
import { type BuildFile, readBuildFile } from '../../../examples/kata-build-runner/config/build-file.js'
import {
  type Executor,
  type ExecutorConfig,
  readExecutorConfig,
} from '../../../examples/kata-build-runner/config/executor-config.js'
import { type Order, runBuild } from '../../../examples/kata-build-runner/follow/attempts.js'
import { Fleet } from '../../../examples/kata-build-runner/follow/fleet.js'
import { Interruption } from '../../../examples/kata-build-runner/follow/interruption.js'
import type { Display, Surroundings } from '../../../examples/kata-build-runner/follow/surroundings.js'
import { type Timing, usualTiming } from '../../../examples/kata-build-runner/follow/timing.js'
import { anyBuildSelector } from '../../../examples/kata-build-runner/launch/names.js'
import type { BuildResult } from '../../../examples/kata-build-runner/model/result.js'
import type { Stage } from '../../../examples/kata-build-runner/model/stage.js'
import { route } from '../../../examples/kata-build-runner/routing/route.js'
import { FakeKubeApi, type FakeKubeApiOptions } from '../../fakes/kube-api/index.js'
import { SimulatedClock } from '../../support/simulated-clock.js'

export const namespace = 'builds'

const closers: (() => Promise<void>)[] = []
afterEach(closeAll)

/** Ends what the scenes so far have started. */
async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close()
}

export function configText(...kubernetes: string[]): string {
  const lines = [`jobsNamespace: ${namespace}`, 'runtimeClass: kata', 'terminationGracePeriod: 10s', ...kubernetes]
  return `executor:
  k8s:
    options:
      kubernetes:
${lines.map((line) => `        ${line}\n`).join('')}
      fusebox: {breaker: {timeout: 10000}}
      requestretry: {retryDelay: 50, maxAttempts: 5}
`
}

export function buildOf(id: string, more = ''): BuildFile {
  return readBuildFile(
    `id: ${id}\nimage: node:20\nsteps: [{name: install, argv: [npm, ci]}, {name: test, shell: npm test}]\n${more}`,
    'build.yaml',
  )
}

export function addRuntimeClass(kube: FakeKubeApi, name: string): void {
  const overhead = { podFixed: { cpu: '250m', memory: '320Mi' } }
  kube.add('runtimeclasses', { metadata: { name }, handler: name, overhead })
}

/** Remembers what was shown. */
export class Shown implements Display {
  text = ''
  readonly said: string[] = []
  readonly stages: Stage[] = []
  readonly steps: string[] = []
  readonly progress: Display['progress'] = {
    stage: ({ stage }) => {
      if (this.stages.at(-1) !== stage) this.stages.push(stage)
    },
    step: ({ number, of, name }) => this.steps.push(`${number}/${of} ${name}`),
  }

  output(bytes: Uint8Array): void {
    this.text += Buffer.from(bytes).toString()
  }
  say(text: string): void {
    this.said.push(text)
  }
}

/** One runner, as a process has it; several may be at work on one cluster. */
export interface Runner {
  api: BuildApi
  around: Surroundings
  interruption: Interruption
  shown: Shown
  /** Runs a build to its end: time passes until then. */
  run(build: BuildFile): Promise<BuildResult>
  /** The same, while time passes only where the test lets it. */
  start(build: BuildFile): Promise<BuildResult>
}

/** A cluster and its runners in this process, all by one clock that goes as fast as they work. */
export class Scene {
  readonly clock: SimulatedClock
  readonly kube: FakeKubeApi
  readonly config: ExecutorConfig

  private constructor(clock: SimulatedClock, kube: FakeKubeApi, config: ExecutorConfig) {
    this.clock = clock
    this.kube = kube
    this.config = config
  }

  /** @param kubernetes lines of the executor's options */
  static async start(
    kubernetes: string[] = [],
    options: FakeKubeApiOptions = {},
    clock = new SimulatedClock(),
  ): Promise<Scene> {
    const kube = await FakeKubeApi.start({ namespace, clock, ...options })
    closers.push(() => kube.stop())
    addRuntimeClass(kube, 'kata')
    return new Scene(clock, kube, readExecutorConfig(configText(...kubernetes), 'executor.yaml'))
  }

  /** Before the test's end, for a test that has many, one after the other. */
  async close(): Promise<void> {
    await closeAll()
  }

  get executor(): Executor {
    return this.config.executors.get('k8s')!
  }

  order(build: BuildFile): Order {
    return { build, route: route(build, this.config), secretValues: {} }
  }

  /** Lets time pass until a state. */
  until: SimulatedClock['until'] = (what, look) => this.clock.until(what, look)

  /** Lets time pass until a build that was started has ended. */
  ending: SimulatedClock['ending'] = (work) => this.clock.ending(work)

  /** @param change of the timing */
  runner(change: Partial<Timing> = {}, wrapped: (api: BuildApi) => BuildApi = (api) => api): Runner {
    const { clock } = this
    const api = wrapped(connect(this.executor, { KUBECONFIG: this.kube.kubeconfig }, { clock }))
    const fleet = new Fleet(api, anyBuildSelector)
    fleet.start()
    closers.push(() => fleet.stop())
    const interruption = new Interruption()
    const around = { api, namespace, fleet, timing: { ...usualTiming, ...change }, interruption, clock }
    const shown = new Shown()
    const start = (build: BuildFile) => runBuild(around, this.order(build), shown)
    return { api, around, interruption, shown, start, run: (build) => clock.ending(start(build)) }
  }
}

/** The same API, but for these calls. */
export function withCalls(api: BuildApi, calls: Partial<BuildApi>): BuildApi {
  return new Proxy(api, {
    get(target, key) {
      const value: unknown = Reflect.get(key in calls ? calls : target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
