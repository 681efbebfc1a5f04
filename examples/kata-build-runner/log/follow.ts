import { isTrouble, statusOf } from '../api/api-error.js'
import { Backoff } from '../api/backoff.js'
import type { BuildApi } from '../api/build-api.js'
import { type Clock, systemClock } from '../model/clock.js'
import type { LogAccount } from './account.js'
import { LogConnection } from './connection.js'
import type { Mark } from './marks.js'
import { type LogItem, LogReader } from './reader.js'

export interface FollowLogOptions {
  pod: string
  container: string
  nonce: string
  /** Ends the following at once; the account is what it is by then. */
  signal: AbortSignal
  /** Whether the container has ended, so that no more is written. */
  isEnded: () => boolean
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
  firstRetryMs: number
  mostRetryMs: number
}

const usualLogTiming: LogTiming = {
  idleMs: 300_000,
  endedIdleMs: 10_000,
  settleMs: 5_000,
  firstRetryMs: 500,
  mostRetryMs: 10_000,
}

const pollMs = 100

/**
 * Follows a build's log to its end, over as many connections as that takes: until the container has ended, and a stream
 * that was asked for after that has, too.
 *
 * @throws RunnerError if the API server refuses for good (401, 403); what `onOutput` and `onMark` throw
 */
export async function followLog(api: Pick<BuildApi, 'openLog'>, options: FollowLogOptions): Promise<LogAccount> {
  const { signal, isEnded, clock = systemClock } = options
  const timing = { ...usualLogTiming, ...options.timing }
  const reader = new LogReader(options.nonce)
  const backoff = new Backoff({ firstMs: timing.firstRetryMs, mostMs: timing.mostRetryMs })
  while (!signal.aborted) {
    const wasEnded = isEnded()
    const before = reader.account.bytes
    const error = await readOne(api, reader, options, timing)
    if (error === undefined ? await isOver(reader, wasEnded, options, timing) : isGone(error, wasEnded)) break
    if (reader.account.bytes > before) backoff.reset()
    await clock.sleep(backoff.nextMs(error), signal)
  }
  await deliver(reader.finish(), options)
  return reader.account
}

/** Reads one stream to its end. @returns what broke it */
async function readOne(
  api: Pick<BuildApi, 'openLog'>,
  reader: LogReader,
  options: FollowLogOptions,
  { idleMs, endedIdleMs }: LogTiming,
): Promise<unknown> {
  const { pod, container, signal, isEnded, clock = systemClock } = options
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

/** Whether a stream that came to its end was the last. */
async function isOver(
  reader: LogReader,
  wasEnded: boolean,
  { isEnded, signal, clock = systemClock }: FollowLogOptions,
  { settleMs }: LogTiming,
): Promise<boolean> {
  if (wasEnded) return true
  // The guard writes nothing after its final mark; but a build can forge one, and then runs on.
  for (const untilMs = clock.now() + settleMs; reader.isClosed && clock.now() < untilMs; ) {
    if (isEnded()) return true
    if (!(await clock.sleep(pollMs, signal))) return true
  }
  return false
}

/** Whether there is, or will be, no such log: the pod is gone, or its container ended without ever having begun. */
function isGone(error: unknown, wasEnded: boolean): boolean {
  const status = statusOf(error)
  if (status === 401 || status === 403 || !isTrouble(error)) throw error
  return status === 404 || (status === 400 && wasEnded)
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
