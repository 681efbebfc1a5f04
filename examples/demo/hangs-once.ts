/** The guarded worker of the demo: its first life beats for half a second and then hangs, its second just beats. */
import { Heartbeat, Region } from 'shm-liveness'

const [region] = process.argv.slice(2) as [string]

const heartbeat = Heartbeat.claim({ region, name: 'driver', maxAge: '100ms' })
const isFirstLife = Region.open(region).workers()[0]?.claims === 1
heartbeat.ready()
heartbeat.beat()
setInterval(heartbeat.beat, 1)
if (isFirstLife) {
  setTimeout(() => {
    heartbeat.beat()
    console.log('hangs')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0) // blocks the event loop, as a hung driver call would
  }, 500)
} else {
  console.log('beats again')
}
