/** `counts-idly REGION HEARTBEATS`: counted heartbeats that beat by a timer, until the standard input ends. */
import { Heartbeat } from 'shm-liveness'

const [region = '', count = ''] = process.argv.slice(2)
const heartbeats = Array.from({ length: Number(count) }, (_, i) =>
  Heartbeat.claim({ region, name: `loop-${i}`, maxAge: '250ms', clock: 'counted' }),
)
const timer = setInterval(() => {
  for (const heartbeat of heartbeats) heartbeat.beat()
}, 10)
console.log('beating')
process.stdin.resume().on('end', () => {
  clearInterval(timer)
  for (const heartbeat of heartbeats) heartbeat.stop()
})
