import { once } from 'node:events'
import { annotations, buildContainer } from '../launch/names.js'
import { closedByRecord, type LogAccount } from '../log/account.js'
import { followLog } from '../log/follow.js'
import type { Mark } from '../log/marks.js'
import { LogReader } from '../log/reader.js'
import { type GuardRecord, parseRecord, recordOfMarks } from '../model/record.js'
import type { BuildResult, StepResult } from '../model/result.js'
import { endOf } from '../watch/facts.js'
import type { BuildView } from './build-view.js'
import { mostSteps, Steps } from './steps.js'
import type { Display, Surroundings } from './surroundings.js'

/** What a result takes from a log. */
export type LogSummary = Pick<BuildLog, 'steps' | 'account'>

/** Of a build that has no log. */
export const nothingRead: LogSummary = {
  steps: [],
  account: () => accountOf(new LogReader('').account, false),
}

/** The log of a build: its output goes to the display, the guard's marks become steps and the final record. */
export class BuildLog {
  readonly #around: Surroundings
  readonly #view: BuildView
  readonly #display: Display
  readonly #steps = new Steps()
  readonly #stop = new AbortController()
  readonly #stopped = once(this.#stop.signal, 'abort').then(() => {})
  #lastEnd: Mark | undefined
  #following: Promise<void> | undefined
  readonly #reader: LogReader
  #isRead = false
  #isDone = false
  #told = ''

  constructor(around: Surroundings, view: BuildView, display: Display) {
    this.#around = around
    this.#view = view
    this.#display = display
    this.#reader = new LogReader(view.job.metadata?.annotations?.[annotations.nonce] ?? '')
  }

  /** Begins to follow, once the build container has a log. Further calls do nothing. */
  start(): void {
    const pod = this.#view.pod?.metadata?.name
    if (pod === undefined || this.#following !== undefined) return
    this.#following = followLog(this.#around.api, {
      ...{ pod, container: buildContainer, reader: this.#reader },
      ...{ signal: this.#stop.signal, clock: this.#around.clock },
      isEnded: () => this.#view.hasNoMoreOutput,
      isGone: () => this.#view.hasNoLog,
      isConfirmed: (account) => isConfirmed(account, parseRecord(endOf(this.#view.pod)?.message ?? '')),
      onOutput: (bytes) => this.#show(bytes),
      onMark: (mark) => this.#hear(mark),
      onTrouble: (text) => this.#trouble(text),
    })
      .then(({ isClosed, isRead }) => {
        this.#isRead = isRead
        this.#view.isLogClosed = isClosed && isRead
      })
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#display.say(`the log cannot be followed any further: ${String(error)}`)
      })
      .finally(() => {
        this.#isDone = true
        this.#view.wake()
      })
  }

  /** Whether all of it was read, or nothing of it was ever asked for. */
  get isDone(): boolean {
    return this.#following === undefined || this.#isDone
  }

  get steps(): StepResult[] {
    return this.#steps.results
  }

  /** @param record the guard's final one, which says how long the log is */
  account(record: GuardRecord | undefined): BuildResult['log'] {
    const said = record?.interim === false ? record : undefined
    // Without the guard's count a mark is its last only where the log was read to its end: a build can forge one.
    return accountOf(closedByRecord(this.#reader.account, said), said?.written !== undefined || this.#isRead)
  }

  /** Reads no further. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#following
  }

  /** Whoever does not read the output must not keep us from stopping. */
  #show(bytes: Uint8Array): Promise<void> | undefined {
    // The guard writes nothing after its final mark: the one that came was forged.
    this.#view.record = undefined
    const shown = this.#display.output(bytes)
    return shown instanceof Promise ? Promise.race([shown, this.#stopped]) : undefined
  }

  #trouble(text: string): void {
    if (text !== this.#told) this.#display.say(`log: ${text}`)
    this.#told = text
  }

  #hear(mark: Mark): void {
    this.#steps.hear(mark)
    if (mark.mark === 'begin' && mark.step <= mostSteps) {
      const { step: number, of, name } = mark
      this.#display.progress.step({ number, of, name }, this.#around.clock.now())
    }
    if (mark.mark === 'end') this.#lastEnd = mark
    if (mark.mark === 'final') {
      this.#view.record = recordOfFinal(mark, this.#lastEnd, this.#around.clock.date())
      this.#view.wake()
    }
  }
}

/** @param isCounted whether the end of the account is the end of the log */
function accountOf(account: LogAccount, isCounted: boolean): BuildResult['log'] {
  const { bytes, lostBytes, gaps, moreGaps, reconnects, isClosed } = account
  return { bytes, lostBytes, gaps, moreGaps, reconnects, isComplete: lostBytes === 0 && isClosed && isCounted }
}

function isConfirmed({ position, finalBytes, lostBytes }: LogAccount, record: GuardRecord | undefined): boolean {
  return record?.interim === false && lostBytes === 0 && record.written === position - finalBytes
}

function recordOfFinal(final: Mark, lastEnd: Mark | undefined, now: Date): GuardRecord | undefined {
  return recordOfMarks(final, lastEnd, now.toISOString())
}
