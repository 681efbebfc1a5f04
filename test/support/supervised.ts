import { join } from 'node:path'
import { LivenessError, Region, type Worker } from 'shm-liveness'
import { Program } from './program.js'
import { uniqueRegion } from './region.js'
import { scriptFolder } from './scripts.js'
import { until } from './until.js'

export const autoPath = new URL('../../dist/auto/index.js', import.meta.url).pathname

export interface SupervisedOptions {
  env?: Record<string, string>
  /** Flags of node, in place of `--import` of the module. */
  flags?: string[]
  region?: string
}

/** A program that says nothing of heartbeats, run with shm-liveness/auto. Its main file is `main.cjs`, or the first. */
export class Supervised {
  private constructor(
    readonly program: Program,
    readonly region: string,
  ) {}

  static run(files: string | Record<string, string>, options: SupervisedOptions = {}): Supervised {
    const { flags = ['--import', autoPath], ...others } = options
    const scripts = typeof files === 'string' ? { 'main.cjs': files } : files
    const main = join(scriptFolder(scripts), Object.keys(scripts)[0] as string)
    return Supervised.command(process.execPath, [...flags, main], others)
  }

  static command(command: string, args: string[], { env, region = uniqueRegion() }: SupervisedOptions): Supervised {
    const variables = { SHM_LIVENESS_REGION: region, SHM_LIVENESS_MAX_AGE: '400ms', ...env }
    return new Supervised(Program.run(command, args, variables), region)
  }

  workers(): Worker[] {
    try {
      return Region.open(this.region).workers()
    } catch (error) {
      if (error instanceof LivenessError && error.code === 'REGION_MISSING') return []
      throw error
    }
  }

  states(): string[] {
    return this.workers().map(({ name, state }) => `${name} ${state}`)
  }

  worker(name = 'event-loop'): Worker | undefined {
    return this.workers().find((worker) => worker.name === name)
  }

  /** Waits until the start is over: from then on the loop is held to its max age. */
  started(name = 'event-loop'): Promise<Worker> {
    return until(`${name} has started`, () => {
      const worker = this.worker(name)
      return worker?.state === 'running' && worker.ready && worker.phase === null && worker
    })
  }
}
