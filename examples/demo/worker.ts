/** A worker of the demo, as a process or as a thread: beats every millisecond, and hangs in a phase if told to. */
import { parentPort, workerData } from 'node:worker_threads'
import { Heartbeat } from 'shm-liveness'

const [region, name] = (workerData ?? process.argv.slice(2)) as [string, string]

const heartbeat = Heartbeat.claim({ region, name, maxAge: '250ms' })
heartbeat.ready()
heartbeat.beat()
setInterval(heartbeat.beat, 1)

function obey(order: string): void {
  if (order === 'hang') {
    const phase = heartbeat.phase('calibrate', { budget: '300ms' })
    const asleep = new Int32Array(new SharedArrayBuffer(4))
    Atomics.wait(asleep, 0, 0, 1500) // blocks the event loop, as a hung driver call would
    phase.end()
  }
  if (order === 'stop') {
    heartbeat.stop()
    process.exit() // of the thread only, if this is one
  }
}

parentPort?.on('message', obey)
process.on('SIGTERM', () => obey('stop'))
parentPort?.postMessage('up')
process.send?.('up')
