import type { Heartbeat, Phase } from 'shm-liveness'
import type { Budgets } from './budgets.js'
import { BuildSteps, type ProgressUpdate, type RunningStep } from './build-steps.js'
import { phaseText, spanText } from './words.js'

export interface BuildWatchOptions {
  budgets: Budgets
  /** In the region of the guard that runs the build; undefined: nobody ends the build. */
  heartbeat: Pick<Heartbeat, 'beat' | 'phase'> | undefined
  /** For how long this program itself may hang. */
  ownMaxAgeMs: number
  say: (line: string) => void
  now: () => number
}

/**
 * The steps of one build as phases of one worker, so that the guard, `shm-liveness status` and a stall name the step.
 * Beats say that this program runs. A step that is silent for too long is told, and then becomes a phase that is over.
 */
export class BuildWatch {
  readonly #options: BuildWatchOptions
  readonly #steps: BuildSteps
  #told = new Set<string>()
  #phase: { name: string; phase: Phase } | undefined
  #stalledIn: string | undefined

  constructor(options: BuildWatchOptions) {
    this.#options = options
    this.#steps = new BuildSteps(options.now())
  }

  /** The step in which the build was found to hang. */
  get stalledIn(): string | undefined {
    return this.#stalledIn
  }

  note(progress: ProgressUpdate): void {
    this.#steps.note(progress, this.#options.now())
  }

  /** Call it several times in `ownMaxAgeMs`. */
  look(): void {
    const { budgets } = this.#options
    const steps = this.#steps.running(this.#options.now())
    this.#tell(steps)
    const hung = steps.find(({ name, silentMs }) => silentMs >= (budgets.of(name).endedAfterMs ?? Infinity))
    if (hung === undefined) this.#beatIn(steps[0].name)
    else this.#endBy(hung)
  }

  /** The phase goes on being renewed as long as this program runs. */
  #beatIn(step: string): void {
    const { heartbeat, ownMaxAgeMs } = this.#options
    const name = phaseText('', step, '')
    if (heartbeat !== undefined && this.#phase?.name !== name) {
      this.#phase = { name, phase: heartbeat.phase(name, { budget: ownMaxAgeMs }) }
    }
    this.#stalledIn = undefined
    heartbeat?.beat()
  }

  #endBy({ name, silentMs }: RunningStep): void {
    if (this.#stalledIn === name) return
    this.#stalledIn = name
    this.#phase = undefined
    const reason = phaseText('no progress in ', name, ` for ${spanText(silentMs)}`)
    this.#options.say(`the build must be ended: ${reason}`)
    this.#options.heartbeat?.phase(reason, { budget: '1ms' })
  }

  /** Each silence once. */
  #tell(steps: readonly RunningStep[]): void {
    const { budgets, say } = this.#options
    const silent = steps.filter(({ name, silentMs }) => silentMs >= budgets.of(name).toldAfterMs)
    for (const { name, silentMs } of silent) {
      if (!this.#told.has(name)) say(`stalled: no progress in ${name} for ${spanText(silentMs)}`)
    }
    this.#told = new Set(silent.map(({ name }) => name))
  }
}
