/** What BuildKit's Status stream and `--progress=rawjson` have in common. */
export interface StepUpdate {
  digest: string
  name: string
  isStarted: boolean
  isCompleted: boolean
  isCached: boolean
  error: string
}

/** A part of a step that is counted, such as the download of a layer. */
export interface PartUpdate {
  id: string
  step: string
  current: number
  isCompleted: boolean
}

export interface ProgressUpdate {
  steps: readonly StepUpdate[]
  parts: readonly PartUpdate[]
  /** The digests of steps that wrote output. */
  output: readonly string[]
}

export interface RunningStep {
  name: string
  /** Since its last sign of progress. */
  silentMs: number
}

interface Step {
  name: string
  isRunning: boolean
  isFinished: boolean
  progressMs: number
}

/** What is said of a build in which no step runs: it waits for its client, or for BuildKit itself. */
export const noStep = 'no step'

/** The steps of one build, by their progress. */
export class BuildSteps {
  readonly #steps = new Map<string, Step>()
  readonly #parts = new Map<string, number>()
  #progressMs: number
  /** How often there was progress. */
  #signs = 0

  constructor(nowMs: number) {
    this.#progressMs = nowMs
  }

  get signs(): number {
    return this.#signs
  }

  /** A step makes progress by its start and end, by output, and by a part whose count moves. */
  note({ steps, parts, output }: ProgressUpdate, nowMs: number): void {
    for (const step of steps) this.#noteStep(step, nowMs)
    for (const { id, step, current, isCompleted } of parts) {
      // While a download hangs, BuildKit repeats its count several times a second.
      const key = `${step} ${id}`
      const count = isCompleted ? Number.POSITIVE_INFINITY : current
      if (this.#parts.get(key) === count) continue
      this.#parts.set(key, count)
      this.#noteProgress(step, nowMs)
    }
    for (const step of output) this.#noteProgress(step, nowMs)
  }

  /** The steps that run, the most silent first; never empty. */
  running(nowMs: number): [RunningStep, ...RunningStep[]] {
    const running = [...this.#steps.values()]
      .filter(({ isRunning }) => isRunning)
      .map(({ name, progressMs }) => ({ name, silentMs: nowMs - progressMs }))
      .sort((a, b) => b.silentMs - a.silentMs)
    const [first, ...others] = running
    return first === undefined ? [{ name: noStep, silentMs: nowMs - this.#progressMs }] : [first, ...others]
  }

  #noteStep({ digest, name, isStarted, isCompleted, isCached }: StepUpdate, nowMs: number): void {
    const before = this.#steps.get(digest)
    const isFinished = isCompleted || isCached
    const isRunning = isStarted && !isFinished
    if (before !== undefined && before.isRunning === isRunning && before.isFinished === isFinished) return
    this.#steps.set(digest, { name, isRunning, isFinished, progressMs: nowMs })
    if (isStarted || isFinished) this.#noteProgress(digest, nowMs)
  }

  #noteProgress(digest: string, nowMs: number): void {
    const step = this.#steps.get(digest)
    if (step !== undefined) step.progressMs = nowMs
    this.#progressMs = nowMs
    this.#signs++
  }
}
