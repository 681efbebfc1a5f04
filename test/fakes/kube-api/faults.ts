/** What goes wrong with a request. Several may be set: `slowMs` comes first. */
export interface Fault {
  /** Before the request is looked at, in ms. */
  slowMs?: number
  /** Answered in place of the real answer. */
  status?: number
  /** The header, in seconds. */
  retryAfter?: number
  message?: string
  /** The connection is closed without an answer. */
  drop?: boolean
  /** The connection stays, and nothing comes. */
  silent?: boolean
  /** The request is carried out first, so that its answer is all that is lost: with `status`, `drop` or `silent`. */
  afterWork?: boolean
  /** The connection is closed after so many bytes of the body, between two chunks. */
  dropAfterBytes?: number
  /** The connection is closed after so many bytes of the body, within a chunk that announced more. */
  truncateAfterBytes?: number
  /** After so many bytes of the body nothing comes any more; the connection stays. */
  silentAfterBytes?: number
}

interface Planned {
  method: string
  path: RegExp
  fault: Fault
  left: number
  done: number
  end(): void
}

/** A planned fault: how often it has been met, and its end. */
export interface PlannedFault {
  readonly done: number
  /** It is met no more. */
  end(): void
}

export class Faults {
  #planned: Planned[] = []

  /**
   * The next `times` requests of this method ('*': any) whose path and query match meet the fault. Of several that match
   * the first planned is taken.
   */
  next(method: string, path: RegExp, fault: Fault, times = 1): PlannedFault {
    const end = () => this.#drop(planned)
    const planned: Planned = { method, path, fault, left: times, done: 0, end }
    this.#planned.push(planned)
    return planned
  }

  /** Until `clear`. */
  always(method: string, path: RegExp, fault: Fault): PlannedFault {
    return this.next(method, path, fault, Number.POSITIVE_INFINITY)
  }

  clear(): void {
    this.#planned = []
  }

  take(method: string, path: string): Fault {
    const found = this.#planned.find((each) => (each.method === '*' || each.method === method) && each.path.test(path))
    if (found === undefined) return {}
    found.done++
    if (--found.left <= 0) this.#drop(found)
    return found.fault
  }

  #drop(planned: Planned): void {
    this.#planned = this.#planned.filter((each) => each !== planned)
  }
}
