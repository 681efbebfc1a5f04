import { isTrouble, retryAfterMs, statusOf } from '../api/api-error.js'
import { Backoff } from '../api/backoff.js'
import type { BuildApi } from '../api/build-api.js'
import { type Clock, systemClock } from '../model/clock.js'
import type { LogAccount } from './account.js'
import { LogConnection } from './connection.js'
import type { Mark } from './marks.js'
import type { LogItem, LogReader } from './reader.js'

export interface FollowLogOptions {
  pod: string
  container: string
  /** Takes what comes, and keeps the account of it, however the following ends. */
  reader: LogReader
  /** Ends the following at once; the account is what it is by then. */
  signal: AbortSignal
  /** Whether the container has ended, so that no more is written. */
  isEnded: () => boolean
  /** Whether the pod is gone, or its container ended without ever having begun: what was not read never will be. */
  isGone: () => boolean
  /** Whether something else than the log says that this is all of it. */
  isConfirmed?: (account: LogAccount) => boolean
  /** Gets the build's own output, in order, byte for byte. While it returns an open promise nothing more is read. */
  onOutput: (bytes: Uint8Array) => void | Promise<void>
  onMark: (mark: Mark) => void
  /** What the API server, or the kubelet, says in place of the log; it is tried again. */
  onTrouble?: (text: string) => void
  timing?: Partial<LogTiming>
  /** @default the system's */
  clock?: Clock
}

/** How long is waited for what may never come, in milliseconds. */
export interface LogTiming {
  /** Nothing comes from a container that runs: the connection may be half open, and a build may be silent. */
  idleMs: number
  /** Nothing comes from one that has ended. */
  endedIdleMs: number
  /** The final mark came, the stream ended, and the pod's status does not say so yet. */
  settleMs: number
  /** The log of a container that has ended is refused, again and again. */
  refusalMs: number
  firstRetryMs: number
  mostRetryMs: number
}

const usualLogTiming: LogTiming = {
  idleMs: 300_000,
  endedIdleMs: 10_000,
  settleMs: 5_000,
  refusalMs: 300_000,
  firstRetryMs: 500,
  mostRetryMs: 10_000,
}

const pollMs = 100

/** A log that was followed. */
export interface FollowedLog extends LogAccount {
  /** A stream that was asked for after the container's end came to its own end: there is no more of it. */
  isRead: boolean
}

/**
 * Follows a build's log to its end, over as many connections as that takes: until the container has ended, and a stream
 * that was asked for after that has, too. A refusal is no end: a token is renewed, an authenticator or a kubelet restarts,
 * and then the log is there again (a kubelet that has just started answers 404 or 400 for pods that run).
 *
 * @throws what `onOutput` and `onMark` throw; the reader has the account all the same
 */
export async function followLog(api: Pick<BuildApi, 'openLog'>, options: FollowLogOptions): Promise<FollowedLog> {
  const { reader, signal, isEnded, clock = systemClock } = options
  const timing = { ...usualLogTiming, ...options.timing }
  const backoff = new Backoff({ firstMs: timing.firstRetryMs, mostMs: timing.mostRetryMs })
  const refusals = new Refusals(clock, timing.refusalMs)
  let isRead = false
  while (!signal.aborted) {
    const wasEnded = isEnded()
    const before = reader.account.bytes
    const error = await readOne(api, options, timing)
    isRead = wasEnded && error === undefined && !signal.aborted
    if (error === undefined ? isRead || (await isOver(options, timing)) : refusals.areFinal(error, wasEnded, options))
      break
    if (reader.account.bytes > before) backoff.reset()
    await clock.sleep(backoff.nextMs(retryAfterMs(error)), signal)
  }
  await deliver(reader.finish(), options)
  return { ...reader.account, isRead }
}

/** Reads one stream to its end. @returns what broke it */
async function readOne(
  api: Pick<BuildApi, 'openLog'>,
  options: FollowLogOptions,
  { idleMs, endedIdleMs }: LogTiming,
): Promise<unknown> {
  const { pod, container, reader, signal, isEnded, clock = systemClock } = options
  const open = (inner: AbortSignal) => api.openLog(pod, container, { sinceTime: reader.since, signal: inner })
  const checkMs = Math.min(1000, endedIdleMs / 4)
  const connection = new LogConnection(open, {
    signal,
    clock,
    idleMs: () => (isEnded() ? endedIdleMs : idleMs),
    checkMs,
  })
  try {
    let isConnected = false
    for (;;) {
      const piece = await connection.next()
      if (!isConnected && connection.isOpen) {
        isConnected = true
        reader.connected()
      }
      if ('chunk' in piece) await deliver(reader.push(piece.chunk), options)
      else {
        if (isConnected) await deliver(reader.disconnected(), options)
        if ('isEnd' in piece) return undefined
        tellTrouble(piece.error, options)
        return piece.error
      }
    }
  } finally {
    connection.close()
  }
}

/** Whether a stream that ended while its container ran was the last. */
async function isOver(
  { reader, isEnded, isConfirmed, signal, clock = systemClock }: FollowLogOptions,
  { settleMs }: LogTiming,
): Promise<boolean> {
  // The guard writes nothing after its final mark; but a build can forge one, and then runs on.
  for (const untilMs = clock.now() + settleMs; reader.isClosed && clock.now() < untilMs; ) {
    if (isEnded()) return isConfirmed?.(reader.account) ?? false
    if (!(await clock.sleep(pollMs, signal))) return true
  }
  return false
}

const refusalStatuses = [400, 401, 403, 404]

/** Refusals of a log, one after the other. */
class Refusals {
  readonly #clock: Clock
  readonly #patienceMs: number
  #sinceMs: number | undefined

  constructor(clock: Clock, patienceMs: number) {
    this.#clock = clock
    this.#patienceMs = patienceMs
  }

  /** @throws the error, if it is a mistake in this program */
  areFinal(error: unknown, wasEnded: boolean, { isGone }: FollowLogOptions): boolean {
    if (!isTrouble(error)) throw error
    const status = statusOf(error)
    const isRefusal = status !== undefined && refusalStatuses.includes(status)
    if (!isRefusal || !wasEnded) this.#sinceMs = undefined
    if (!isRefusal) return false
    if (isGone() && (status === 400 || status === 404)) return true
    if (!wasEnded) return false
    this.#sinceMs ??= this.#clock.now()
    return this.#clock.now() - this.#sinceMs >= this.#patienceMs
  }
}

function tellTrouble(error: unknown, { signal, onTrouble }: FollowLogOptions): void {
  // 400: the container is waiting to start.
  if (signal.aborted || statusOf(error) === 400) return
  onTrouble?.(error instanceof Error ? error.message : String(error))
}

async function deliver(items: LogItem[], { onOutput, onMark, onTrouble }: FollowLogOptions): Promise<void> {
  for (const item of items) {
    if ('output' in item) await onOutput(item.output)
    else if ('mark' in item) onMark(item.mark)
    else onTrouble?.(item.trouble)
  }
}
