/**
 * The kubelet's crash-loop back-off, and what a restart takes beside it.
 *
 * From its source (1.36, `pkg/kubelet/kuberuntime/kuberuntime_manager.go`, `pkg/kubelet/kubelet.go` `MaxContainerBackOff`,
 * `client-go/util/flowcontrol/backoff.go`):
 *
 * - `doBackOff` looks for the newest *exited* container of the name in the status that `SyncPod` was given. Nothing has
 *   exited: no wait, and nothing is counted. Otherwise the wait is 10 s, doubled with each start up to 5 min, counted from
 *   the end of that container (`IsInBackOffSince`, `Next`).
 * - `computePodActions` puts a container whose liveness or startup probe failed into `ContainersToKill` and
 *   `ContainersToStart`. `SyncPod` kills it (step 3) and starts it (step 8) in one pass, with the status from before the
 *   kill. So the container that `doBackOff` finds is the one *before* the killed one. If that one ended longer ago than the
 *   back-off, the restart comes at once. If not, the start is put off, and the next pass finds the killed container
 *   itself: the whole back-off counts from its end.
 * - The count is forgotten twice the maximum after the last start (`hasExpired`, `GC`).
 *
 * A node's `crashLoopBackOff.maxContainerRestartPeriod` lowers the maximum.
 */
export interface BackoffOptions {
  /** @default 10 */
  initialSeconds?: number | undefined
  /** @default 300 */
  maxSeconds?: number | undefined
}

const [defaultInitialSeconds, defaultMaxSeconds] = [10, 300]

/**
 * What a restart takes beside the wait, in seconds. Measured on kubelet 1.36: a container that exits by itself was
 * started 1, 12 and 23 s after its end, for waits of 0, 10 and 20 s. A pod that waited is looked at again a little later
 * than it could be.
 */
export function restartOverheadSeconds(waitSeconds: number): { typical: number; worst: number } {
  return { typical: waitSeconds === 0 ? 1 : 2, worst: 3 }
}

/**
 * How long the kubelet waits before it starts a container again that has exited by itself.
 *
 * @param restarts how many restarts came shortly before it; 0: this is the first
 * @returns seconds
 * @example backoffSeconds(0) // 0
 * @example backoffSeconds(2) // 20
 */
export function backoffSeconds(restarts: number, options: BackoffOptions = {}): number {
  const { initialSeconds = defaultInitialSeconds, maxSeconds = defaultMaxSeconds } = options
  return restarts < 1 ? 0 : Math.min(maxSeconds, initialSeconds * 2 ** (restarts - 1))
}

/**
 * How long it waits before it starts a container again that it has killed itself, since a probe failed: not at all if
 * the container has lived longer than the back-off.
 *
 * The wait never is above this. It is a step below if the restarts before were kills, too: the first kill is not counted.
 *
 * @param livedSeconds from the end of the container before it until its own
 */
export function killBackoffSeconds(restarts: number, livedSeconds: number, options: BackoffOptions = {}): number {
  const wait = backoffSeconds(restarts, options)
  return livedSeconds >= wait ? 0 : wait
}

/** Whether a container has run so long that the kubelet forgets the restarts before it. */
export function isForgotten(ranSeconds: number, { maxSeconds = defaultMaxSeconds }: BackoffOptions = {}): boolean {
  return ranSeconds > 2 * maxSeconds
}
