/** The demo's last scene: shm-guard restarts a worker that hangs, and how long the kubelet would have taken. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { guardPath } from 'shm-liveness'

/**
 * The kubelet's fastest settings, and the restart that was measured on a real kubelet (1.36, containerd): within about a
 * second. When it waits for its back-off: lib/kubernetes/backoff.ts.
 */
const kubelet = { periodMs: 1000, failureThreshold: 2, startMs: 1000 }

export async function showGuard(region: string): Promise<void> {
  const worker = fileURLToPath(new URL('./hangs-once.js', import.meta.url))
  const flags = ['--region', region, '--interval', '10ms', '--signal', 'TERM', '--restart', '3']
  const guard = spawn(guardPath(), [...flags, '--', process.execPath, worker, region], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  try {
    const lines = createInterface({ input: guard.stdout })[Symbol.asyncIterator]()
    const log = createInterface({ input: guard.stderr })[Symbol.asyncIterator]()
    await lines.next()
    const hung = performance.now()
    const line = String((await log.next()).value)
    const signalled = performance.now() - hung
    await lines.next()
    const beating = performance.now() - hung
    const least = 100 + (kubelet.failureThreshold - 1) * kubelet.periodMs
    const most = least + kubelet.periodMs
    const seconds = (ms: number): string => (ms / 1000).toFixed(1)
    console.log(`
driver (limit 100 ms) hangs under shm-guard:
  ${line}
  It was signalled about ${signalled.toFixed(0)} ms after it hung, and beat again after ${beating.toFixed(0)} ms.
  The kubelet with periodSeconds ${kubelet.periodMs / 1000} and failureThreshold ${kubelet.failureThreshold}: killed after ${seconds(least)} to ${seconds(most)} s; started again about ${kubelet.startMs / 1000} s
  later, or after its back-off (10 s, up to 5 min) where the life before this one was shorter than that.`)
  } finally {
    guard.kill('SIGTERM')
    if (guard.exitCode === null && guard.signalCode === null) await once(guard, 'exit')
  }
}
