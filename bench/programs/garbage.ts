/** `garbage REGION BEATS CLOCK` (with --expose-gc): what that many beats leave to the garbage collector, as JSON. */
import { PerformanceObserver } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import { Heartbeat, type WorkerClock } from 'shm-liveness'

const [region = '', beats = '', clock] = process.argv.slice(2)
const heartbeat = Heartbeat.claim({ region, name: 'beater', maxAge: '60s', clock: clock as WorkerClock })

function beat(times: number): void {
  for (let i = 0; i < times; i++) heartbeat.beat()
}

const collections: number[] = []
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) collections.push(entry.startTime)
})
observer.observe({ entryTypes: ['gc'] })

interface Growth {
  began: number
  ended: number
  heapBytes: number
  externalBytes: number
}

function growthOver(times: number): Growth {
  globalThis.gc?.()
  const heapBefore = getHeapStatistics().used_heap_size
  const externalBefore = process.memoryUsage().external
  const began = performance.now()
  beat(times)
  const ended = performance.now()
  const heapBytes = getHeapStatistics().used_heap_size - heapBefore
  return { began, ended, heapBytes, externalBytes: process.memoryUsage().external - externalBefore }
}

// The rehearsal leaves behind what measuring and compiling do.
growthOver(1_000_000)
growthOver(1_000_000)
await wait(100)
const { began, ended, heapBytes, externalBytes } = growthOver(Number(beats))
// Proof that the observer would have seen one.
globalThis.gc?.()
await wait(100)
observer.disconnect()
heartbeat.stop()
console.log(
  JSON.stringify({
    collections: collections.filter((at) => at >= began && at <= ended).length,
    observed: collections.some((at) => at > ended),
    heapBytes,
    externalBytes,
  }),
)
