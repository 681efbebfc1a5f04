import type { FreshSink } from './resume.js'

interface Written {
  /** The bytes of the stream before this line, the guard's own included. */
  written: number
}

/** A line of the guard's among a build's output: `docs/guard.md`, "Steps". */
export type Mark =
  | (Written & { mark: 'begin'; step: number; of: number; name: string })
  | (Written & {
      mark: 'end'
      step: number
      of: number
      name: string
      outcome: string
      exit: number
      durationNs: number
    })
  | (Written & { mark: 'note'; text: string })
  | (Written & { mark: 'final'; outcome: string; exit: number; line?: string })

/** The guard's own buffer for one is 1.5 KiB (`marks.hpp`). */
const mostMarkBytes = 4096

/** Gets what a build's stream is made of, in order. */
export interface StreamSink {
  output(bytes: Buffer): void
  /** @param length of its line in the stream, in bytes */
  mark(mark: Mark, length: number): void
  foreign(text: string): void
}

/**
 * Finds the guard's marks among the lines. Only at the beginning of a line, and only with the build's nonce: everything
 * else, half a mark at the end included, is the build's own output.
 */
export class MarkFilter implements FreshSink {
  readonly #sink: StreamSink
  readonly #prefix: Buffer
  /** What may become a mark; undefined: this line cannot. */
  #held: Buffer | undefined

  constructor(nonce: string, sink: StreamSink) {
    this.#prefix = Buffer.from(`##[shm-guard ${nonce}] `)
    this.#sink = sink
  }

  begin(): void {
    this.flush()
    this.#held = Buffer.alloc(0)
  }

  bytes(piece: Buffer): void {
    if (this.#held === undefined) {
      this.#sink.output(piece)
      return
    }
    const line = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece])
    const compared = Math.min(line.length, this.#prefix.length)
    const mayBeMark = line.length <= mostMarkBytes && line.compare(this.#prefix, 0, compared, 0, compared) === 0
    this.#held = mayBeMark ? Buffer.from(line) : undefined
    if (!mayBeMark) this.#sink.output(line)
  }

  end(): void {
    const line = this.#held
    if (line === undefined) return
    const mark = line.length > this.#prefix.length ? markOf(line.toString('utf8', this.#prefix.length)) : undefined
    if (mark === undefined) this.flush()
    else this.#sink.mark(mark, line.length)
    this.#held = undefined
  }

  foreign(text: string): void {
    this.#sink.foreign(text)
  }

  /** What is held is no mark. */
  flush(): void {
    if (this.#held !== undefined && this.#held.length > 0) this.#sink.output(this.#held)
    this.#held = undefined
  }
}

/** A mark's JSON; undefined unless it has the form that the guard gives it. */
export function markOf(text: string): Mark | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const fields = value as Record<string, unknown>
  return hasForm(fields) ? (fields as unknown as Mark) : undefined
}

function hasForm(fields: Record<string, unknown>): boolean {
  const areCounts = (...names: string[]) => names.every((name) => isCount(fields[name]))
  const areTexts = (...names: string[]) => names.every((name) => typeof fields[name] === 'string')
  if (!areCounts('written')) return false
  switch (fields['mark']) {
    case 'begin':
      return areCounts('step', 'of') && areTexts('name')
    case 'end':
      return areCounts('step', 'of', 'exit', 'durationNs') && areTexts('name', 'outcome')
    case 'note':
      return areTexts('text')
    case 'final':
      return areCounts('exit') && areTexts('outcome') && ['string', 'undefined'].includes(typeof fields['line'])
    default:
      return false
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
