/** The whole terminal, until it is given back as it was. */
import { emitKeypressEvents } from 'node:readline'
import { ReadStream, WriteStream } from 'node:tty'
import type { Streams } from '../session.js'
import { fitted, type Line } from './view.js'

// The other screen of the terminal, which has no history; no cursor; a line that is too long is cut and not wrapped.
// (Characters of two columns make a line longer than it seems.)
const enterCodes = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const leaveCodes = '\x1b[?7h\x1b[?25h\x1b[?1049l'
const [home, endOfLine, endOfScreen] = ['\x1b[H', '\x1b[K', '\x1b[J']

/** A key as Node.js names it: `q`, `pagedown`; a capital letter is `S`. */
export type KeyName = string

export interface ScreenEvents {
  onKey(name: KeyName): void
  /** The size has changed, or the screen is on again. */
  onRedraw(): void
  /** Ctrl-C, or a signal to end: the screen is off. */
  onQuit(signal: NodeJS.Signals): void
}

/** undefined, if the output does not go to a terminal. */
export function screenOf({ stdin, stdout }: Streams): Screen | undefined {
  if (!(stdout instanceof WriteStream)) return undefined
  return new Screen(stdin instanceof ReadStream ? stdin : undefined, stdout)
}

export class Screen {
  readonly #hasColour: boolean
  #isOn = false
  #off: (() => void)[] = []

  constructor(
    /** undefined: there are no keys, since standard input is no terminal. */
    private readonly keys: ReadStream | undefined,
    private readonly out: WriteStream,
  ) {
    // By NO_COLOR, TERM and what Node.js knows of terminals.
    this.#hasColour = out.hasColors()
  }

  get rows(): number {
    return this.out.rows
  }

  start({ onKey, onRedraw, onQuit }: ScreenEvents): void {
    const quit = (signal: NodeJS.Signals) => {
      this.stop()
      onQuit(signal)
    }
    if (this.keys !== undefined) {
      emitKeypressEvents(this.keys)
      this.#listen(this.keys, 'keypress', (_text: unknown, key: { name?: string; ctrl: boolean; shift: boolean }) => {
        if (key.ctrl && key.name === 'c') quit('SIGINT')
        else if (key.ctrl && key.name === 'z') this.#suspend()
        else if (key.name !== undefined && !key.ctrl) onKey(key.shift ? key.name.toUpperCase() : key.name)
      })
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) this.#listen(process, signal, () => quit(signal))
    // Also after a stop that was not ours, behind which the shell has set the terminal anew.
    this.#listen(process, 'SIGCONT', () => {
      this.#enter()
      onRedraw()
    })
    this.#listen(this.out, 'resize', onRedraw)
    // Before Node.js prints the error, which would go with the screen.
    this.#listen(process, 'uncaughtExceptionMonitor', () => this.stop())
    this.#listen(process, 'exit', () => this.stop())
    this.#enter()
  }

  /** Gives the terminal back. */
  stop(): void {
    for (const off of this.#off.splice(0)) off()
    this.#leave()
  }

  draw(lines: readonly Line[]): void {
    if (!this.#isOn) return
    const texts = lines.slice(0, this.rows).map((line) => fitted(line, this.out.columns, this.#hasColour) + endOfLine)
    this.out.write(home + texts.join('\r\n') + endOfScreen)
  }

  #enter(): void {
    this.keys?.setRawMode(true)
    this.keys?.resume()
    this.out.write(enterCodes)
    this.#isOn = true
  }

  #leave(): void {
    if (!this.#isOn) return
    this.#isOn = false
    this.out.write(leaveCodes)
    this.keys?.setRawMode(false)
    this.keys?.pause()
  }

  /** As the terminal would without raw mode: it stops all processes of the job, npx among them. */
  #suspend(): void {
    this.#leave()
    process.kill(0, 'SIGTSTP')
  }

  #listen(emitter: NodeJS.EventEmitter, event: string, listener: (...args: never[]) => void): void {
    emitter.on(event, listener as (...args: unknown[]) => void)
    this.#off.push(() => emitter.off(event, listener as (...args: unknown[]) => void))
  }
}
