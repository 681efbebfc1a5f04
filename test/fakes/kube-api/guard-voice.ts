// What shm-guard --steps says: its lines among the output, and its record. `test/fakes/guard-voice.test.ts` holds it to
// the real guard's words.

export type StepOutcome = 'exited' | 'signalled' | 'stalled' | 'dead' | 'timed-out' | 'terminated' | 'not-started'

export interface StepNames {
  name: string
  silenceBudgetNs?: number
  timeLimitNs?: number
}

export interface StepEnd {
  outcome: StepOutcome
  exit: number
  durationNs: number
  /** Why: the guard's own words. */
  line: string
}

/** The guard's default, 5 m. */
const silenceBudgetNs = 300_000_000_000

const verdicts: Partial<Record<StepOutcome, string>> = {
  ...{ exited: 'healthy', signalled: 'healthy', terminated: 'healthy', stalled: 'stalled', dead: 'dead' },
}

/** Where a stalled step is, as /proc says of a shell that waits for its program. */
const stalledAt = ['wait4 (do_wait)']

export class GuardVoice {
  readonly #nonce: string
  readonly #steps: StepNames[]
  readonly #put: (bytes: Buffer) => void
  #written = 0
  #endsInLine = true
  #step = 0
  /** Of the steps alone. */
  outputBytes = 0

  constructor(nonce: string, steps: StepNames[], put: (bytes: Buffer) => void) {
    this.#nonce = nonce
    this.#steps = steps
    this.#put = put
  }

  /** @param number from 1 */
  begin(number: number): void {
    this.#step = number
    const { silenceBudgetNs: budget = silenceBudgetNs, timeLimitNs = 0 } = this.#steps[number - 1]!
    this.#mark('begin', { ...this.#stepFields(), silenceBudgetNs: budget, timeLimitNs })
  }
  output(bytes: Buffer | string): void {
    const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    if (buffer.length === 0) return
    this.outputBytes += buffer.length
    this.#say(buffer)
  }
  note(text: string): void {
    this.#mark('note', { text })
  }
  end({ outcome, exit, durationNs }: StepEnd): void {
    this.#mark('end', { ...this.#stepFields(), outcome, exit, durationNs })
  }
  final({ outcome, exit, line }: StepEnd): void {
    this.#mark('final', { outcome, exit, line })
  }

  /** The termination message. */
  record({ outcome, exit, line }: StepEnd, verdict = verdicts[outcome] ?? ''): string {
    const { name } = this.#steps[this.#step - 1]!
    const step = { number: this.#step, of: this.#steps.length, name }
    const json = {
      ...{ outcome, exit, verdict, line },
      ...(outcome === 'stalled' ? { phase: name, where: stalledAt } : {}),
      ...{
        step,
        outputBytes: this.outputBytes,
        written: this.#written + (this.#endsInLine ? 0 : 1),
        restarts: 0,
        time: `${new Date().toISOString().slice(0, 19)}Z`,
      },
    }
    const stack = outcome === 'stalled' ? ['  main:', ...stalledAt.map((place) => `    ${place}`)] : []
    const lines = [`${line}, step ${step.number}/${step.of} "${name}"`, ...stack, JSON.stringify(json)]
    return lines.map((each) => `${each}\n`).join('')
  }
  /** What a SIGTERM leaves there until the step has ended. */
  interimRecord(): string {
    const line = 'told to stop by SIGTERM; the command had not ended yet'
    return this.record({ outcome: 'terminated', exit: 143, durationNs: 0, line }, '')
  }

  #stepFields() {
    return { step: this.#step, of: this.#steps.length, name: this.#steps[this.#step - 1]!.name }
  }
  #mark(mark: string, fields: object): void {
    if (!this.#endsInLine) this.#say(Buffer.from('\n'))
    const json = JSON.stringify({ mark, written: this.#written, ...fields })
    this.#say(Buffer.from(`##[shm-guard ${this.#nonce}] ${json}\n`))
  }
  #say(bytes: Buffer): void {
    this.#written += bytes.length
    this.#endsInLine = bytes.at(-1) === 10
    this.#put(bytes)
  }
}
