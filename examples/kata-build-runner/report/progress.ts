import type { StagePoint } from '../watch/stage.js'

/** Where progress goes: a part of `process.stderr`. */
export interface ProgressStream {
  isTTY?: boolean | undefined
  columns?: number | undefined
  write(text: string): unknown
}

export interface StepPoint {
  /** From 1. */
  number: number
  of: number
  name: string
}

/** The display of one build's progress. */
export class Progress {
  constructor(_stream: ProgressStream, _options: { build: string; show?: 'auto' | 'always' | 'never' }) {}

  /** The build came to a stage, or to another detail of it. */
  stage(_point: StagePoint, _now: Date): void {}

  /** A step began. */
  step(_step: StepPoint, _now: Date): void {}

  /** Draws the line's running time anew; once a second is enough. */
  tick(_now: Date): void {}

  /** A line that stays: another attempt, a lost connection. */
  note(_text: string): void {}

  /** Output is about to go to the same terminal: the live line gives way to it, and is drawn again at the next tick. */
  clear(): void {}

  /** Takes the live line away for good. */
  end(): void {}
}
