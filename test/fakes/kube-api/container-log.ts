import type { Clock } from '../../../examples/kata-build-runner/model/clock.js'

export interface LogSettings {
  /** A file is put aside once it is this long, and what it held is lost to the API. @default 10 MiB, the kubelet's */
  rotateAtBytes: number
  /** A follow loses what it had not yet read when the file was put aside. @default false: it reads on to the file's end */
  followSkips: boolean
  /** Between two lines of one write, in ns. 0: they share their timestamp. @default 1000 */
  lineNs: number
}

interface Entry {
  /** With all nine digits, as the kubelet writes it out. */
  stamp: string
  /** With its line end, unless it is a piece of a line. */
  bytes: Buffer
}

interface LogFile {
  entries: Entry[]
  size: number
}

export interface ReadOptions {
  follow: boolean
  timestamps: boolean
  /** `2026-11-24T10:15:00`: without a fraction, since the API server drops it on the way to the kubelet. */
  since?: string
  tailLines?: number
}

/** What containerd cuts lines into (max_container_log_line_size). */
const pieceBytes = 16_384
/** Time, stream and tag in front of a line in the file. */
const headBytes = 42
const batchBytes = 65_536

/** A container's log as containerd writes it, and the kubelet reads and rotates it (cri-client's logs.go). */
export class ContainerLog {
  readonly settings: LogSettings
  readonly #clock: Clock
  #file: LogFile = { entries: [], size: 0 }
  #pending: Buffer = Buffer.alloc(0)
  #seconds = 0
  #nanoseconds = 0
  #isEnded = false
  readonly #waiting = new Set<() => void>()
  /** Its file is gone, as after a clean-up of dead containers. */
  isRemoved = false
  writtenBytes = 0
  rotations = 0

  constructor(settings: LogSettings, clock: Clock) {
    this.settings = settings
    this.#clock = clock
  }

  write(text: Buffer | string): void {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text
    this.writtenBytes += bytes.length
    this.#tick(0)
    let rest = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    for (;;) {
      const lineEnd = rest.indexOf(10)
      const length = lineEnd < 0 ? rest.length : lineEnd + 1
      // A line of just this length with its end behind it is whole.
      if ((lineEnd < 0 ? length : lineEnd) > pieceBytes) {
        this.#append(rest.subarray(0, pieceBytes))
        rest = rest.subarray(pieceBytes)
      } else if (lineEnd >= 0) {
        this.#append(rest.subarray(0, length))
        rest = rest.subarray(length)
      } else break
    }
    this.#pending = rest
    this.#wake()
  }

  /** The container's end: what has no line end is written as a piece. */
  end(): void {
    if (this.#pending.length > 0) this.#append(this.#pending)
    this.#pending = Buffer.alloc(0)
    this.#isEnded = true
    this.#wake()
  }

  rotate(): void {
    this.rotations++
    this.#file = { entries: [], size: 0 }
  }

  /**
   * What the API sends. A follow that is behind by more than one file goes on in the newest: those between are never
   * opened. A piece of a line has a timestamp only if nothing of its line was read before, whether or not that was sent.
   */
  async *read({ follow, timestamps, since = '', tailLines }: ReadOptions, gone: AbortSignal): AsyncGenerator<Buffer> {
    let file = this.#file
    let index = tailLines === undefined ? 0 : Math.max(0, file.entries.length - tailLines)
    let isLineStart = true
    while (!gone.aborted) {
      if (this.settings.followSkips && follow && file !== this.#file) [file, index] = [this.#file, 0]
      const batch: Buffer[] = []
      for (let size = 0; index < file.entries.length && size < batchBytes; index++) {
        const { stamp, bytes } = file.entries[index]!
        if (stamp >= since) {
          if (timestamps && isLineStart) batch.push(Buffer.from(`${stamp} `))
          batch.push(bytes)
          size += bytes.length
        }
        isLineStart = bytes.at(-1) === 10
      }
      if (batch.length > 0) yield Buffer.concat(batch)
      if (index < file.entries.length) continue
      if (!follow) return
      if (file !== this.#file) [file, index] = [this.#file, 0]
      else if (this.#isEnded) return
      else await this.#changed(gone)
    }
  }

  #changed(gone: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake)
        gone.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiting.add(wake)
      gone.addEventListener('abort', wake)
    })
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  #append(bytes: Buffer): void {
    this.#tick(this.settings.lineNs)
    const second = new Date(this.#seconds * 1000).toISOString().slice(0, 19)
    this.#file.entries.push({ stamp: `${second}.${String(this.#nanoseconds).padStart(9, '0')}Z`, bytes })
    this.#file.size += headBytes + bytes.length
    if (this.#file.size >= this.settings.rotateAtBytes) this.rotate()
  }

  /** The clock of the timestamps, which never goes back: at least `ns` on. */
  #tick(ns: number): void {
    const now = this.#clock.date().getTime()
    const [seconds, nanoseconds] = [Math.floor(now / 1000), (now % 1000) * 1e6]
    this.#nanoseconds += ns
    if (this.#nanoseconds >= 1e9) {
      this.#seconds++
      this.#nanoseconds -= 1e9
    }
    if (seconds > this.#seconds || (seconds === this.#seconds && nanoseconds > this.#nanoseconds)) {
      this.#seconds = seconds
      this.#nanoseconds = nanoseconds
    }
  }
}
