import { Heartbeat, type Phase } from 'shm-liveness'

/**
 * The watcher's worker in the region of the daemon's guard, which is started with `--watcher` and this name. While it
 * beats, the daemon is well. A phase beyond its budget has the daemon ended, and names the reason.
 */
export class Voice implements Disposable {
  readonly #heartbeat: Heartbeat
  #ending: Phase | undefined
  #status: string | undefined

  /** @throws LivenessError as Heartbeat.claim */
  constructor({ region, name, maxAgeMs }: { region: string; name: string; maxAgeMs: number }) {
    this.#heartbeat = Heartbeat.claim({ region, name, maxAge: maxAgeMs })
    this.#heartbeat.beat()
  }

  /** The daemon is well, or not there, which is its guard's business. */
  beat(): void {
    this.#ending?.end()
    this.#ending = undefined
    this.#heartbeat.beat()
  }

  /** The phase is over its budget at once. Nothing is said in advance: a watcher that stops in its midst ends nothing. */
  end(reason: string): void {
    this.#ending ??= this.#heartbeat.phase(reason, { budget: '1ms' })
  }

  /** Whether the daemon takes builds. @param why not; undefined: it does */
  takes(why: string | undefined): void {
    if (this.#status === why && this.#hasSaid) return
    this.#status = why
    this.#hasSaid = true
    if (why === undefined) this.#heartbeat.ready()
    else this.#heartbeat.notReady(why)
  }

  [Symbol.dispose](): void {
    this.#heartbeat.stop()
  }

  #hasSaid = false
}
