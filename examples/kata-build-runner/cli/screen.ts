import type { Display } from '../follow/surroundings.js'
import { plain } from '../model/plain-text.js'
import { Progress, type ProgressStream } from '../report/progress.js'

/** A stream of bytes: a part of `process.stdout`. */
export interface OutputStream {
  isTTY?: boolean | undefined
  write(bytes: Uint8Array): unknown
}

const redrawMs = 1000
const lineEnd = 10

/** Where a build's output goes (standard output, and nothing else does) and where all else goes (standard error). */
export class Screen implements Display {
  readonly progress: Progress
  readonly #output: OutputStream | undefined
  readonly #messages: ProgressStream
  readonly #timer: NodeJS.Timeout
  /** Of output on the terminal that messages go to, too. */
  readonly #isShared: boolean

  /** @param output undefined: the output is shown to nobody */
  constructor(
    output: OutputStream | undefined,
    messages: ProgressStream,
    options: { build: string; progress: boolean },
  ) {
    const { build, progress } = options
    this.#output = output
    this.#messages = messages
    this.#isShared = output?.isTTY === true && messages.isTTY === true
    this.progress = new Progress(messages, { build, show: progress ? 'always' : 'auto' })
    this.#timer = setInterval(() => this.progress.tick(new Date()), redrawMs)
    this.#timer.unref()
  }

  output(bytes: Uint8Array): void {
    if (this.#isShared) this.progress.clear()
    this.#output?.write(bytes)
    if (this.#isShared && bytes.length > 0) this.progress.resume(bytes.at(-1) === lineEnd)
  }

  say(text: string): void {
    this.progress.clear()
    this.#messages.write(`build-runner: ${plain(text, 4000)}\n`)
  }

  close(): void {
    clearInterval(this.#timer)
    this.progress.end()
  }
}
