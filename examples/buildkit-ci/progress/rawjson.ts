import type { PartUpdate, ProgressUpdate, StepUpdate } from './build-steps.js'

/** A line of `buildx build --progress=rawjson` or `buildctl build --progress=rawjson`: Go's `client.SolveStatus`. */
interface SolveStatus {
  vertexes?: {
    digest?: string
    name?: string
    started?: string
    completed?: string
    cached?: boolean
    error?: string
  }[]
  statuses?: { id?: string; vertex?: string; name?: string; current?: number; total?: number; completed?: string }[]
  logs?: { vertex?: string; stream?: number; data?: string }[]
  warnings?: { vertex?: string; short?: string }[]
}

/** Output of a step. */
export interface StepOutput {
  step: string
  bytes: Buffer
}

export interface RawJsonItem {
  progress: ProgressUpdate
  output: StepOutput[]
  warnings: string[]
}

/** A line that is not progress: buildx writes warnings and its last error to the same stream (buildx#2967). */
export interface OtherLine {
  text: string
}

/** BuildKit splits a step's output into messages; a line is longer only if it is not from BuildKit. */
const mostLineBytes = 16 << 20

/** Takes standard error of buildx or buildctl apart. */
export class RawJson {
  #held: Buffer[] = []
  #heldBytes = 0

  push(chunk: Buffer): (RawJsonItem | OtherLine)[] {
    const items: (RawJsonItem | OtherLine)[] = []
    let rest = chunk
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      items.push(itemOf(Buffer.concat([...this.#held, rest.subarray(0, end)]).toString()))
      this.#hold([])
      rest = rest.subarray(end + 1)
    }
    if (rest.length > 0) this.#hold([...this.#held, rest])
    if (this.#heldBytes > mostLineBytes) items.push(...this.end())
    return items
  }

  /** The stream is over. */
  end(): (RawJsonItem | OtherLine)[] {
    const text = Buffer.concat(this.#held).toString()
    this.#hold([])
    return text === '' ? [] : [itemOf(text)]
  }

  #hold(chunks: Buffer[]): void {
    this.#held = chunks
    this.#heldBytes = chunks.reduce((sum, { length }) => sum + length, 0)
  }
}

function itemOf(line: string): RawJsonItem | OtherLine {
  const status = solveStatusOf(line)
  if (status === undefined) return { text: line }
  const { vertexes = [], statuses = [], logs = [], warnings = [] } = status
  const steps: StepUpdate[] = vertexes.map(({ digest = '', name = '', started, completed, cached, error }) => ({
    ...{ digest, name, error: error ?? '' },
    isStarted: started !== undefined,
    isCompleted: completed !== undefined,
    isCached: cached === true,
  }))
  const parts: PartUpdate[] = statuses.map(({ id = '', vertex = '', current = 0, completed }) => ({
    ...{ id, step: vertex, current },
    isCompleted: completed !== undefined,
  }))
  return {
    progress: { steps, parts, output: logs.map(({ vertex = '' }) => vertex) },
    output: logs.map(({ vertex = '', data = '' }) => ({ step: vertex, bytes: Buffer.from(data, 'base64') })),
    warnings: warnings.map(({ short = '' }) => Buffer.from(short, 'base64').toString()),
  }
}

function solveStatusOf(line: string): SolveStatus | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(line)
    return isSolveStatus(value) ? value : undefined
  } catch {
    return undefined
  }
}

const lists = ['vertexes', 'statuses', 'logs', 'warnings'] as const

function isSolveStatus(value: unknown): value is SolveStatus {
  if (typeof value !== 'object' || value === null) return false
  const given = Object.entries(value)
  const isList = ([key, list]: [string, unknown]) => (lists as readonly string[]).includes(key) && Array.isArray(list)
  return given.every((entry) => isList(entry))
}
