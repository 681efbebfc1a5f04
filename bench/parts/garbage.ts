import type { WorkerClock } from 'shm-liveness'
import type { Session } from '../support/session.js'
import type { Row } from '../table.js'

/**
 * V8 counts memory by the buffers that its threads allocate from, so that what measuring itself takes shows in steps of
 * some 90 KiB. Beats that left a byte each would leave 20 times this at least.
 */
const toleratedBytes = 512 * 1024

export async function garbage(session: Session): Promise<Row[]> {
  return [
    await garbageOf(session, 'precise', session.quick ? 1e7 : 1e8),
    await garbageOf(session, 'counted', session.quick ? 1e8 : 1e9),
  ]
}

async function garbageOf(session: Session, clock: WorkerClock, beats: number): Promise<Row> {
  const text = await session.runNode('garbage', [session.newRegion(), String(beats), clock], ['--expose-gc'])
  const { collections, observed, heapBytes, externalBytes } = JSON.parse(text) as {
    collections: number
    observed: boolean
    heapBytes: number
    externalBytes: number
  }
  if (!observed) throw new Error('the observer did not see a collection that was forced')
  const reached = collections === 0 && heapBytes < toleratedBytes && externalBytes < toleratedBytes
  return {
    what: `garbage collections over 10^${Math.log10(beats)} beats, ${clock} clock`,
    measured: String(collections),
    bar: { text: '0', reached },
    figures: `heap ${heapBytes} bytes, external ${externalBytes} bytes more`,
  }
}
