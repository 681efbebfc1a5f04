import { Transform, type TransformCallback } from 'node:stream'

/** Passes a body on, but holds its end back until it may take effect: a registry acts on a request that it has whole. */
export class HeldEnd extends Transform {
  readonly #mayEnd: () => Promise<void>
  #last: Buffer | undefined

  constructor(mayEnd: () => Promise<void>) {
    super()
    this.#mayEnd = mayEnd
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    const before = this.#last
    this.#last = chunk
    done(null, before)
  }

  override _flush(done: TransformCallback): void {
    this.#mayEnd().then(() => done(null, this.#last), done)
  }
}

/** Passes a body on, and keeps the first of its bytes. */
export class Copy extends Transform {
  readonly #parts: Buffer[] = []
  #left: number

  constructor(mostBytes: number) {
    super()
    this.#left = mostBytes
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString()
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    const kept = chunk.subarray(0, this.#left)
    if (kept.length > 0) this.#parts.push(kept)
    this.#left -= kept.length
    done(null, chunk)
  }
}
