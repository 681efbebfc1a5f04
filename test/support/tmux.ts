/** A real terminal, which can be looked at: a pane of tmux, with a shell in it. */
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll } from 'vitest'

export const hasTmux = spawnSync('tmux', ['-V']).status === 0

export interface TerminalSize {
  columns: number
  rows: number
}

export class Terminal {
  /** A server of its own, which reads no configuration. */
  readonly #server = `shm-liveness-${process.pid}-${randomBytes(4).toString('hex')}`

  constructor({ columns, rows }: TerminalSize, env: Record<string, string> = {}) {
    const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
    const size = ['-x', String(columns), '-y', String(rows)]
    this.#tmux('new-session', '-d', ...size, ...variables, 'PS1="\\$ " exec bash --norc --noprofile')
    afterAll(() => {
      spawnSync('tmux', ['-L', this.#server, 'kill-server'])
    })
  }

  /** Types keys as tmux names them: `q`, `Enter`, `C-c`, `PageDown`. */
  press(...keys: string[]): void {
    this.#tmux('send-keys', ...keys)
  }

  type(line: string): void {
    this.#tmux('send-keys', '-l', line)
    this.press('Enter')
  }

  resize({ columns, rows }: TerminalSize): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows))
  }

  /** What is on the screen; with `codes` its colours, too. */
  screen({ codes = false } = {}): string {
    return this.#tmux('capture-pane', '-p', ...(codes ? ['-e'] : []))
  }

  /** Whether a program has taken the other screen. */
  get isOtherScreen(): boolean {
    return this.#ask('#{alternate_on}') === '1'
  }

  get isCursorShown(): boolean {
    return this.#ask('#{cursor_flag}') === '1'
  }

  get wraps(): boolean {
    return this.#ask('#{wrap_flag}') === '1'
  }

  /** The process that runs in the foreground of the shell. */
  get foregroundPid(): number {
    const shell = this.#ask('#{pane_pid}')
    const [child = ''] = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ').slice(-1)
    return Number(child)
  }

  #ask(format: string): string {
    return this.#tmux('display-message', '-p', format).trim()
  }

  #tmux(...args: string[]): string {
    return execFileSync('tmux', ['-L', this.#server, '-f', '/dev/null', ...args], { encoding: 'utf8' })
  }
}
