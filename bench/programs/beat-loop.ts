/**
 * `beat-loop REGION CHUNKS CALLS precise|coarse|counted WORKERS [MAX-AGE STACKS]`: prints the nanoseconds of one
 * `heartbeat.beat()`, the median
 * of the chunks. With one worker the call site is monomorphic, with several it is not.
 */
import { Heartbeat, type WorkerClock } from 'shm-liveness'

const [region = '', chunks = '', calls = '', clock, workers = '', maxAge = '250ms', stacks = 'false'] =
  process.argv.slice(2)

const heartbeats = Array.from({ length: Number(workers) }, (_, i) =>
  Heartbeat.claim({
    region,
    name: `beater-${i}`,
    maxAge: maxAge as '250ms',
    clock: clock as WorkerClock,
    stacks: stacks === 'true',
  }),
)

function beatOne(heartbeat: Heartbeat, times: number): void {
  for (let i = 0; i < times; i++) heartbeat.beat()
}

const means: number[] = []
for (let chunk = 0; chunk < Number(chunks); chunk++) {
  const began = process.hrtime.bigint()
  beatOne(heartbeats[chunk % heartbeats.length] as Heartbeat, Number(calls))
  means.push(Number(process.hrtime.bigint() - began) / Number(calls))
}
for (const heartbeat of heartbeats) heartbeat.stop()
means.splice(0, Math.floor(means.length / 4)) // until V8 has compiled it
means.sort((a, b) => a - b)
console.log(means[Math.floor(means.length / 2)])
