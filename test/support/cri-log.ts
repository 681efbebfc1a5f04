import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BuildApi } from '../../examples/kata-build-runner/api/build-api.js'

/** What goes wrong between a node and the reader of a log. */
export interface CriLogFaults {
  /** The first stream breaks after so many bytes. */
  breaksAfterBytes?: number
  /** This text is lost wherever a line has it, line end included. */
  loses?: string
}

interface Entry {
  stamp: string
  /** With the line end, unless it is a piece of a line. */
  text: Buffer
}

/** A container's log as a kubelet reads it from the file of the container engine and the API server sends it on. */
export class CriLog implements Pick<BuildApi, 'openLog'> {
  readonly #path: string
  readonly #isEnded: () => boolean
  readonly #faults: CriLogFaults
  #streams = 0

  constructor(path: string, isEnded: () => boolean, faults: CriLogFaults) {
    this.#path = path
    this.#isEnded = isEnded
    this.#faults = faults
  }

  async openLog(_pod: string, _container: string, { sinceTime }: { sinceTime?: string | undefined }) {
    return this.#follow(sinceTime ?? '', ++this.#streams === 1 ? this.#faults.breaksAfterBytes : undefined)
  }

  async *#follow(since: string, breaksAfterBytes = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
    let sent = 0
    let isLineStart = true
    for await (const { stamp, text } of this.#entries()) {
      const isSent = stamp.slice(0, 19) >= since.slice(0, 19)
      // A piece of a line has a timestamp only if nothing of its line was read before (cri-client's logs.go).
      const piece = isLineStart ? Buffer.concat([Buffer.from(`${stamp} `), text]) : text
      isLineStart = text.at(-1) === 10
      if (!isSent) continue
      if (sent + piece.length > breaksAfterBytes) {
        yield piece.subarray(0, breaksAfterBytes - sent)
        throw Object.assign(new Error('the connection broke'), { code: 'ECONNRESET' })
      }
      sent += piece.length
      yield piece
    }
  }

  /** Lines of the file: time, stream, F or P (a piece that goes on in the next), text. */
  async *#entries(): AsyncGenerator<Entry> {
    for await (const line of this.#lines()) {
      const [stamp = '', , tag = ''] = line.toString('latin1', 0, 64).split(' ', 3)
      const text = line.subarray(stamp.length + ' stdout F '.length)
      if (this.#faults.loses !== undefined && text.includes(this.#faults.loses)) continue
      yield { stamp, text: tag === 'F' ? Buffer.concat([text, Buffer.from('\n')]) : text }
    }
  }

  async *#lines(): AsyncGenerator<Buffer> {
    const file = await open(this.#path)
    try {
      let rest = Buffer.alloc(0)
      for (;;) {
        const wasEnded = this.#isEnded()
        const { bytesRead, buffer } = await file.read(Buffer.alloc(65_536))
        rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
        for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
          yield rest.subarray(0, end)
          rest = rest.subarray(end + 1)
        }
        if (bytesRead > 0) continue
        if (wasEnded) return
        await sleep(20)
      }
    } finally {
      await file.close()
    }
  }
}
