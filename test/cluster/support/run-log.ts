import type { Namespace } from './cluster.js'

/** From when a worker stalled until it ran again, by its own clock's lines, in ms. */
export interface Recovery {
  stalledMs: number
  againMs: number
}

/**
 * The lines of all runs of a container, collected as they come: the kubelet keeps the log of one run before, no more.
 */
export class RunLog {
  readonly #lines = new Set<string>()

  constructor(
    readonly namespace: Namespace,
    readonly pod: string,
    readonly container: string,
  ) {}

  async collect(): Promise<void> {
    for (const previous of [true, false]) {
      const log = await this.namespace.log(this.pod, this.container, previous)
      for (const line of log.split('\n')) this.#lines.add(line)
    }
  }

  recoveries(): Recovery[] {
    return recoveriesIn([...this.#lines])
  }
}

/** Lines of the sample worker: the time in ms since 1970, and what it does. */
export function recoveriesIn(lines: string[]): Recovery[] {
  const steps = lines
    .flatMap((line) => {
      const [, time, step] = /^(\d{13}) (stall|claimed)/.exec(line) ?? []
      return time === undefined ? [] : [{ ms: Number(time), step }]
    })
    .sort((a, b) => a.ms - b.ms)
  return steps.flatMap(({ ms, step }, i) => {
    const next = steps[i + 1]
    return step === 'stall' && next?.step === 'claimed' ? [{ stalledMs: ms, againMs: next.ms }] : []
  })
}
