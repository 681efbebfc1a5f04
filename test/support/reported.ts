import { Heartbeat } from 'shm-liveness'
import { poke } from './poke.js'
import { uniqueRegion } from './region.js'

/** Would run, load or break out of an attribute, if it were not escaped. */
export const hostileText = `"><script>pwned=1</script><img src=//evil.example/x>&'`

/** Bytes of a field, ended by NUL. */
const bytesOf = (text: string) => Buffer.from(`${text}\0`)

export interface ReportedScene {
  region: string
  stop(): void
}

/** A region with all that a report can show; its only worker's texts are `text`. */
export function reportedScene(text: string): ReportedScene {
  const region = uniqueRegion()
  const claim = () =>
    Heartbeat.claim({ region, name: 'loop', maxAge: '90s', cycleLimit: '1ms', capacity: 1, stacks: false })
  const before = claim()
  before.beat()
  before.stop()
  const heartbeat = claim()
  for (let i = 0; i < 1000; i++) heartbeat.beat()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
  heartbeat.beat() // a late cycle
  heartbeat.notReady('reason')
  heartbeat.phase('phase', { budget: '90s' })
  poke(region, 'Identity', 'name', bytesOf(text.slice(0, 63)))
  poke(region, 'Labels', 'phase', bytesOf(text.slice(0, 63)))
  poke(region, 'Labels', 'status', bytesOf(text.slice(0, 55)))
  poke(region, 'SlowPlace', 'count', 3)
  poke(region, 'SlowPlace', 'text', bytesOf(text.slice(0, 71)))
  poke(region, 'Where', 'kind', 1)
  poke(region, 'Where', 'taken_ns', process.hrtime.bigint())
  poke(region, 'Where', 'frames', bytesOf(`${text}\nsecond (file.ts:1:2)`))
  return { region, stop: () => heartbeat.stop() }
}
