import { harmless } from '../../kata-build-runner/model/plain-text.js'
import type { StepUpdate } from './build-steps.js'
import type { OtherLine, RawJsonItem } from './rawjson.js'

interface Shown {
  number: number
  state: 'known' | 'begun' | 'ended'
}

/** A build's progress as lines of a log: each step with a number, its output, and how it ended. */
export class PlainProgress {
  readonly #steps = new Map<string, Shown>()

  linesOf(item: RawJsonItem | OtherLine): string[] {
    if ('text' in item) return [harmless(item.text)]
    // BuildKit looks a step up in its cache, and then starts it again: both are told at once.
    const last = new Map(item.progress.steps.map((step) => [step.digest, step]))
    return [
      ...[...last.values()].flatMap((step) => this.#linesOfStep(step)),
      ...item.output.flatMap(({ step, bytes }) => this.#linesOfOutput(step, bytes)),
      ...item.warnings.map((text) => `WARN: ${harmless(text)}`),
    ]
  }

  #linesOfStep({ digest, name, isStarted, isCompleted, isCached, error }: StepUpdate): string[] {
    const isEnded = isCompleted || isCached
    // All steps are announced before the first one starts, the last one first: numbers come with what is shown.
    if (!isStarted && !isEnded) return []
    const shown = this.#shown(digest)
    const lines: string[] = []
    if (isStarted && (shown.state === 'known' || (shown.state === 'ended' && !isEnded))) {
      shown.state = 'begun'
      lines.push(`#${shown.number} ${harmless(name)}`)
    }
    if (!isEnded || shown.state === 'ended') return lines
    shown.state = 'ended'
    const end = error !== '' ? `ERROR: ${harmless(error)}` : isCached ? 'CACHED' : 'DONE'
    return [...lines, `#${shown.number} ${end}`]
  }

  #linesOfOutput(step: string, bytes: Buffer): string[] {
    const { number } = this.#shown(step)
    const text = bytes.toString().replace(/\r?\n$/, '')
    return text.split(/\r?\n/).map((line) => `#${number} ${harmless(line)}`)
  }

  #shown(digest: string): Shown {
    const shown = this.#steps.get(digest) ?? { number: this.#steps.size + 1, state: 'known' }
    this.#steps.set(digest, shown)
    return shown
  }
}
