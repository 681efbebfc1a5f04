import type { BuildApi } from '../api/build-api.js'
import type { Executor } from '../config/executor-config.js'
import { Fleet } from '../follow/fleet.js'
import type { Surroundings } from '../follow/surroundings.js'
import { usualTiming } from '../follow/timing.js'
import { buildSelector } from '../launch/names.js'
import type { CommonFlags } from './flags.js'
import type { Host, OutputStream } from './host.js'
import { opener } from './opener.js'
import type { Place } from './places.js'
import { Screen } from './screen.js'
import { type InterruptionWords, Signals } from './signals.js'

/** What a command that follows builds holds while it does: signals, the screen, feeds. */
export class Session implements AsyncDisposable {
  readonly screen: Screen
  readonly say: (text: string) => void
  readonly open: (executor: Executor) => BuildApi
  readonly #host: Host
  readonly #signals: Signals
  #fleet: Fleet | undefined
  readonly #patienceMs: number

  constructor(
    host: Host,
    flags: CommonFlags & { patience?: number; progress?: true },
    shown: { build: string; output?: OutputStream; interrupted?: InterruptionWords },
  ) {
    const { patience = usualTiming.patienceMs, progress = false } = flags
    const { clock, stderr } = host
    this.#host = host
    this.screen = new Screen(shown.output, stderr, { build: shown.build, progress, clock })
    this.say = (text) => this.screen.say(text)
    this.#signals = new Signals(host, this.say, shown.interrupted)
    this.#patienceMs = patience
    this.open = opener(host, flags, this.interruption.leave)
  }

  get interruption(): Signals['interruption'] {
    return this.#signals.interruption
  }

  /** What a build is followed by. Its feeds are open until the next build's, or until the session ends. */
  async around({ api, namespace }: Place, build: string): Promise<Surroundings> {
    await this.#fleet?.stop()
    const fleet = new Fleet(api, buildSelector(build))
    this.#fleet = fleet
    fleet.start()
    const timing = { ...usualTiming, patienceMs: this.#patienceMs }
    return { api, namespace, fleet, timing, interruption: this.interruption, clock: this.#host.clock }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signals[Symbol.dispose]()
    this.screen.close()
    await this.#fleet?.stop()
    // What waits in standard output for a reader that does not read would keep the process, and was left with the build.
    if (this.interruption.leave.aborted) this.#host.leave()
  }
}
