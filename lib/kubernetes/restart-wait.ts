/** From the end of a container until the kubelet has started it again. */
import {
  type BackoffOptions,
  backoffSeconds,
  isForgotten,
  killBackoffSeconds,
  restartOverheadSeconds,
} from './backoff.js'
import type { Span } from './span.js'

/** What came before the end. */
interface Before {
  restarts: number
  /** How long the container ran before it stalled; undefined: not known. */
  ranSeconds: number | undefined
  backoff: BackoffOptions | undefined
}

/**
 * Of a container that the kubelet has killed since a probe failed.
 *
 * @param stalled seconds from its last beat to its end. The least: it may end soon after the beat has become too old, and
 * then has lived no longer
 */
export function startedAfterKill(before: Before, stalled: { typical: number; least: number }): Span {
  const { ranSeconds, backoff } = before
  const restarts = countedRestarts(before)
  const typicalSeconds = ranSeconds === undefined ? Number.POSITIVE_INFINITY : ranSeconds + stalled.typical
  return started({
    typical: killBackoffSeconds(restarts, typicalSeconds, backoff),
    worst: killBackoffSeconds(restarts, (ranSeconds ?? 0) + stalled.least, backoff),
  })
}

/** Of a container that has exited by itself. */
export function startedAfterExit(before: Before): Span {
  const wait = backoffSeconds(countedRestarts(before), before.backoff)
  return started({ typical: wait, worst: wait })
}

function countedRestarts({ restarts, ranSeconds, backoff }: Before): number {
  return ranSeconds !== undefined && isForgotten(ranSeconds, backoff) ? 0 : restarts
}

function started({ typical, worst }: Span): Span {
  return {
    typical: typical + restartOverheadSeconds(typical).typical,
    worst: worst + restartOverheadSeconds(worst).worst,
  }
}
