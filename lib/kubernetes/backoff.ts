/**
 * The kubelet's crash-loop back-off, and what a restart takes beside it.
 *
 * From its source (`kuberuntime_manager.go` `doBackOff`, `MaxContainerBackOff`): no wait before the first restart, then
 * 10 s, doubled with each restart up to 5 min, counted from the container's end; forgotten once a container has run for
 * twice the maximum. A node's `crashLoopBackOff.maxContainerRestartPeriod` lowers the maximum.
 */
export interface BackoffOptions {
  /** @default 10 */
  initialSeconds?: number | undefined
  /** @default 300 */
  maxSeconds?: number | undefined
}

/**
 * What a restart takes beside the wait, in seconds. Measured on kubelet 1.36: restarts came 1, 12 and 23 s after the end,
 * for waits of 0, 10 and 20 s; whoever waited is looked at again a little later than he could be.
 */
export function restartOverheadSeconds(restarts: number): { typical: number; worst: number } {
  return { typical: restarts < 1 ? 1 : 2, worst: 3 }
}

/**
 * How long the kubelet waits before a restart.
 *
 * @param restarts how many restarts came shortly before it; 0: this is the first
 * @returns seconds
 * @example backoffSeconds(0) // 0
 * @example backoffSeconds(2) // 20
 */
export function backoffSeconds(restarts: number, options: BackoffOptions = {}): number {
  const { initialSeconds = 10, maxSeconds = 300 } = options
  return restarts < 1 ? 0 : Math.min(maxSeconds, initialSeconds * 2 ** (restarts - 1))
}
