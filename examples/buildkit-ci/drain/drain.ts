import { type Clock, systemClock } from '../../kata-build-runner/model/clock.js'

/** What a drain sees of the daemon. */
export interface Drained {
  /** The builds that run; undefined: not known. */
  refs: readonly string[] | undefined
  /** Why there is nothing to wait for, though builds may run: the daemon hangs, or is gone. */
  isOver: string | undefined
  /** When the question was asked that was answered so, by the drain's clock. Builds may have begun since. */
  askedMs: number
}

export interface DrainOptions {
  look: () => Drained | Promise<Drained>
  /** How long no build may run: a client that had looked up the address before the drain may still come. */
  settleMs: number
  timeoutMs: number
  /** @default 500 */
  intervalMs?: number
  say: (line: string) => void
  signal?: AbortSignal
  clock?: Clock
}

export type DrainOutcome =
  | { kind: 'drained' }
  | { kind: 'over'; why: string }
  /** @property refs undefined: whether builds run is not known */
  | { kind: 'timeout'; refs: readonly string[] | undefined }
  | { kind: 'cancelled' }

/**
 * Waits until no build runs. Only the daemon can say that, and only for the time at which it was asked: an answer counts
 * if its question was asked once the idle time was over.
 *
 * It goes before the daemon's own SIGTERM. That does refuse new builds, since buildkitd closes its listeners, but it loses
 * running ones: it also sends GOAWAY on each connection (`GracefulStop`), and a build by buildx needs a new call on its
 * connection to return its result, once its Dockerfile is read and its base images are looked up. That call is refused from
 * then on (buildkit#4090).
 */
export async function drain(options: DrainOptions): Promise<DrainOutcome> {
  const { look, settleMs, timeoutMs, intervalMs = 500, say, signal, clock = systemClock } = options
  const beganMs = clock.now()
  let idleSinceMs: number | undefined
  let told: string | undefined
  for (;;) {
    const { refs, isOver, askedMs } = await look()
    const nowMs = clock.now()
    if (isOver !== undefined && askedMs >= beganMs) return { kind: 'over', why: isOver }
    const isIdle = refs?.length === 0
    idleSinceMs = isIdle ? (idleSinceMs ?? nowMs) : undefined
    if (idleSinceMs !== undefined && askedMs - idleSinceMs >= settleMs) return { kind: 'drained' }
    if (nowMs - beganMs >= timeoutMs) return { kind: 'timeout', refs: isIdle ? undefined : refs }
    const words = wordsOf(refs)
    if (words !== told) say(words)
    told = words
    if (!(await clock.sleep(intervalMs, signal))) return { kind: 'cancelled' }
  }
}

function wordsOf(refs: readonly string[] | undefined): string {
  if (refs === undefined) return 'draining: waiting for the daemon to name its builds'
  if (refs.length === 0) return 'draining: no build runs; waiting for late clients'
  return `draining: waiting for ${refs.length === 1 ? 'build' : 'builds'} ${refs.join(', ')}`
}
