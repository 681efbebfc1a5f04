import { type ClaimOptions, Heartbeat, Region, type Worker } from 'shm-liveness'
import { afterTests } from './after-tests.js'

const held: Heartbeat[] = []
afterTests(() => {
  for (const heartbeat of held.splice(0)) heartbeat.stop()
})

/** A heartbeat of the test process itself; stopped after the test. */
export function claim(region: string, options: Partial<ClaimOptions> = {}): Heartbeat {
  const heartbeat = Heartbeat.claim({ region, name: 'grabber', maxAge: '20s', ...options })
  held.push(heartbeat)
  return heartbeat
}

/** The first worker of the region. */
export const only = (region: string): Worker => Region.open(region).workers()[0] as Worker
