import type { ClaimOptions } from 'shm-liveness'
import { Container, killInside } from './container.js'
import { type ProbeResult, probe, probeAll, type RunResult } from './probe.js'
import { uniqueRegion } from './region.js'
import { WorkerProcess } from './worker-process.js'

export const checks = ['startup', 'liveness', 'readiness'] as const
export type Check = (typeof checks)[number]

/** A region of its own, the real processes that a test puts into it, and what the probe says of them. */
export class Scene {
  readonly region = uniqueRegion()

  /** Never stalls by itself, unless told so by `maxAge`. */
  claim(name: string, options: Partial<ClaimOptions> = {}): Promise<WorkerProcess> {
    return WorkerProcess.claim({ region: this.region, name, maxAge: '1h', ...options })
  }

  /** Claims and beats. Ready, so that what fails readiness is the situation. */
  async beating(name: string, options: Partial<ClaimOptions> = {}): Promise<WorkerProcess> {
    const worker = await this.claim(name, options)
    await worker.ask({ do: 'ready' })
    await worker.ask({ do: 'beat', times: 2 })
    return worker
  }

  /** Alive, but its last beat is older than its max age. */
  stalled(name: string): Promise<WorkerProcess> {
    return this.beating(name, { maxAge: '1ms' })
  }

  async dead(name: string): Promise<void> {
    await (await this.beating(name)).kill()
  }

  async stopped(name: string): Promise<void> {
    await (await this.beating(name)).ask({ do: 'stop' })
  }

  /** Claimed in another container, which is gone since. */
  async leftOver(name: string): Promise<void> {
    const container = await Container.start()
    const worker = await container.claim({ region: this.region, name, maxAge: '1h' })
    await worker.ask({ do: 'beat' })
    await killInside(worker) // reaped: Container.stop() alone may return before the kernel has dropped the lock
    await container.stop()
  }

  probe(flags: string, check: Check = 'liveness'): Promise<ProbeResult> {
    return probe(this.#argsOf(flags, check))
  }

  /** As {@link probe}, once for each element of `flags`. */
  probeAll(flags: string[], check: Check = 'liveness'): Promise<RunResult[]> {
    return probeAll(flags.map((each) => ({ args: this.#argsOf(each, check) })))
  }

  /** What startup, liveness and readiness say, in this order: `pass`, or the verdict that fails the check. */
  async answers(flags = ''): Promise<string> {
    const runs = checks.map((check) => ({ args: this.#argsOf(flags, check) }))
    return (await probeAll(runs, { together: true })).map(wordOf).join(' ')
  }

  #argsOf(flags: string, check: Check): string[] {
    return ['--region', this.region, '--check', check, ...flagsOf(flags, check)]
  }
}

/** `pass`, or the verdict that was printed. An exit code that does not fit is shown with it. */
export function wordOf({ code, stdout, stderr }: Pick<ProbeResult, 'code' | 'stdout' | 'stderr'>): string {
  if (code === 0 && stdout === '' && stderr === '') return 'pass'
  const word = /^[a-z-]+(?=: )/.exec(stdout)?.[0] ?? `${stdout}${stderr}`
  return code === (word === 'unusable' ? 3 : 1) ? word : `${word}(exit ${code})`
}

/** Two flags belong to one check each; the probe refuses them elsewhere. */
function flagsOf(flags: string, check: Check): string[] {
  const words = flags.split(' ').filter((word) => word !== '')
  const foreign = ['--dead-grace', '--cycle-window'][check === 'liveness' ? 1 : 0]
  const strip = check === 'startup' ? ['--dead-grace', '--cycle-window'] : [foreign]
  return words.filter((word, i) => !strip.includes(word) && !strip.includes(words[i - 1]))
}
