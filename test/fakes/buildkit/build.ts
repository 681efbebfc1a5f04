import type { StatusResponse, Timestamp } from '../../../examples/buildkit-ci/buildkit-api/messages.js'

/** What a Status stream carries: the fields that the daemon leaves out are not there. */
export type Progress = {
  [Key in keyof StatusResponse]?: Partial<StatusResponse[Key][number]>[]
}

function now(): Timestamp {
  const ms = Date.now()
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 }
}

/** A build that runs in the fake daemon. Each message is kept, and comes to whoever asks for its Status later. */
export class FakeBuild {
  readonly #sent: Progress[] = []
  readonly #readers = new Set<{ send: (progress: Progress) => void; end: () => void }>()
  readonly #started = new Map<string, Timestamp>()
  readonly createdAt = now()
  /** How often its progress was asked for. */
  reads = 0

  constructor(readonly ref: string) {}

  /** A vertex begins: `[build 4/9] RUN npm ci`. */
  begin(name: string): void {
    const started = now()
    this.#started.set(name, started)
    this.send({ vertexes: [{ digest: digestOf(name), name, started }] })
  }

  output(name: string, text = 'a line\n'): void {
    this.send({ logs: [{ vertex: digestOf(name), stream: 1, msg: Buffer.from(text), timestamp: now() }] })
  }

  /** A counted part of a step, as a layer that is pulled. */
  part(name: string, id: string, current: number): void {
    this.send({
      statuses: [{ ID: id, vertex: digestOf(name), name: 'extracting', current, total: 100, timestamp: now() }],
    })
  }

  complete(name: string): void {
    const started = this.#started.get(name) ?? now()
    this.send({ vertexes: [{ digest: digestOf(name), name, started, completed: now() }] })
  }

  send(progress: Progress): void {
    this.#sent.push(progress)
    for (const { send } of this.#readers) send(progress)
  }

  read(send: (progress: Progress) => void, end: () => void): () => void {
    this.reads++
    for (const progress of this.#sent) send(progress)
    const reader = { send, end }
    this.#readers.add(reader)
    return () => this.#readers.delete(reader)
  }

  /** Its streams of progress end, whether or not the daemon still names it. */
  end(): void {
    for (const { end } of this.#readers) end()
    this.#readers.clear()
  }
}

const digestOf = (name: string) => `sha256:${Buffer.from(name).toString('hex').slice(0, 64).padEnd(64, '0')}`
