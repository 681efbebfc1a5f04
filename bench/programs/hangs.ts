/**
 * `hangs found REGION COUNT`: hangs COUNT times for a little less than its max age of 250 ms, and prints how often its
 * frames were in the region by then.
 * `hangs hot REGION`: prints by how much a hot loop takes longer after a stack was taken within it.
 * `hangs never REGION`: beats each 10 ms until it is killed; says `beating` first.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Heartbeat, Region, type Where } from 'shm-liveness'

const [mode = '', region = '', count = ''] = process.argv.slice(2)
const heartbeat = Heartbeat.claim({ region, name: 'hangs', maxAge: '250ms', capacity: 1, stacks: true })
heartbeat.beat()

/** Where it is in its present silence, of the region's only worker. */
function where(): Where | undefined {
  const seen = Region.open(region).workers()[0]?.where
  return seen?.isCurrent ? seen : undefined
}

function hot(rounds: number): number {
  let x = 1
  for (let i = 0; i < rounds; i++) x = (Math.imul(x, 31) + (x >>> 3)) | 0
  return x
}

async function found(): Promise<number> {
  let times = 0
  for (let i = 0; i < Number(count); i++) {
    heartbeat.beat()
    const began = process.hrtime.bigint()
    while (process.hrtime.bigint() - began < 245_000_000n) hot(1000)
    if (where()?.kind === 'javascript') times++
    heartbeat.beat()
    await sleep(20)
  }
  return times
}

const rounds = 2_000_000
/** The median of some chunks of the hot loop. */
function chunkMs(): number {
  const chunks = Array.from({ length: 51 }, () => {
    heartbeat.beat()
    const began = performance.now()
    hot(rounds)
    return performance.now() - began
  })
  return chunks.sort((a, b) => a - b)[25] as number
}

function hotRatio(): number {
  chunkMs()
  const before = chunkMs()
  heartbeat.beat()
  while (where() === undefined) hot(rounds * 20)
  return chunkMs() / before
}

if (mode === 'found') console.log(await found())
if (mode === 'hot') console.log(hotRatio())
if (mode === 'never') {
  setInterval(heartbeat.beat, 10)
  console.log('beating')
} else {
  heartbeat.stop()
}
