/** `idles SECONDS`: waits, in its main thread and in another one, and prints its share of one CPU in percent meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, Worker } from 'node:worker_threads'

const warmUpMs = 1_500

if (isMainThread) {
  const thread = new Worker(new URL(import.meta.url))
  await sleep(warmUpMs)
  const [used, at] = [process.cpuUsage(), performance.now()]
  await sleep(Number(process.argv[2]) * 1_000)
  const { user, system } = process.cpuUsage(used)
  console.log((user + system) / 10 / (performance.now() - at))
  await thread.terminate()
} else {
  setInterval(() => {}, 1e6)
}
