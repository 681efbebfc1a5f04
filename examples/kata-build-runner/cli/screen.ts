import type { Display } from '../follow/surroundings.js'
import type { Clock } from '../model/clock.js'
import { plain } from '../model/plain-text.js'
import { Progress, type ProgressStream } from '../report/progress.js'
import type { OutputStream } from './host.js'
import { Output } from './output.js'

const redrawMs = 1000
const lineEnd = 10

/** Where a build's output goes (standard output, and nothing else does) and where all else goes (standard error). */
export class Screen implements Display {
  readonly progress: Progress
  readonly #output: Output | undefined
  readonly #messages: ProgressStream
  readonly #timer: NodeJS.Timeout
  /** Of output on the terminal that messages go to, too. */
  readonly #isShared: boolean

  /** @param output undefined: the output is shown to nobody */
  constructor(
    output: OutputStream | undefined,
    messages: ProgressStream,
    options: { build: string; progress: boolean; clock: Clock },
  ) {
    const { build, progress, clock } = options
    this.#output = output === undefined ? undefined : new Output(output, (error) => this.#broken(error))
    this.#messages = messages
    this.#isShared = output?.isTTY === true && messages.isTTY === true
    this.progress = new Progress(messages, { build, show: progress ? 'always' : 'auto' })
    this.#timer = setInterval(() => this.progress.tick(clock.now()), redrawMs)
    this.#timer.unref()
  }

  output(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#isShared) this.progress.clear()
    const written = this.#output?.write(bytes)
    if (this.#isShared && bytes.length > 0) this.progress.resume(bytes.at(-1) === lineEnd)
    return written
  }

  say(text: string): void {
    this.progress.clear()
    this.#messages.write(`build-runner: ${plain(text, 4000)}\n`)
  }

  #broken({ code, message }: NodeJS.ErrnoException): void {
    const why = code === 'EPIPE' ? 'has no reader any more' : `cannot be written: ${message}`
    this.say(`the output ${why}; the rest of it is not shown, and the build goes on`)
  }

  close(): void {
    clearInterval(this.#timer)
    this.progress.end()
  }
}
