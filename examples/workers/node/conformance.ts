/**
 * A worker in Node.js for `shm-liveness conformance`: does what its standard input says, a line for each request, and
 * answers each by a line. docs/conformance.md describes the requests.
 */
import { createInterface } from 'node:readline'
import { Heartbeat, LivenessError, type Phase, Region } from 'shm-liveness'

let heartbeat: Heartbeat | undefined
let phase: Phase | undefined

function held(): Heartbeat {
  if (heartbeat === undefined) throw new LivenessError('STOPPED', 'nothing is claimed')
  return heartbeat
}

function lastWords(): string {
  const found = Region.open(held().region)
    .workers()
    .find(({ name }) => name === held().name)?.lastWords
  return found ? `${found.ended} ${found.beats} ${found.phase ?? ''}`.trim() : 'none'
}

const requests: Record<string, (rest: string) => string | undefined> = {
  features: () => 'comeback last-words where',
  claim: (rest) => {
    const [name = '', maxAgeNs, cycleLimitNs, capacity] = rest.split(' ')
    heartbeat = Heartbeat.claim({
      name,
      maxAge: `${maxAgeNs}ns`,
      cycleLimit: cycleLimitNs === '0' ? undefined : `${cycleLimitNs}ns`,
      capacity: Number(capacity),
    })
    return undefined
  },
  beat: () => {
    if (!held().beat()) throw new LivenessError('STOPPED', 'not stamped')
    return undefined
  },
  ready: () => void held().ready(),
  'not-ready': (rest) => void held().notReady(rest),
  phase: (rest) => {
    const [budgetNs = '', ...name] = rest.split(' ')
    phase = held().phase(name.join(' '), { budget: `${budgetNs}ns` })
    return undefined
  },
  'end-phase': () => void phase?.end(),
  stop: () => void held().stop(),
  'last-words': lastWords,
  hang: (rest) => {
    const end = process.hrtime.bigint() + BigInt(rest)
    while (process.hrtime.bigint() < end);
    return undefined
  },
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [, word = '', rest = ''] = /^(\S+) ?(.*)$/.exec(line) ?? []
  try {
    const value = requests[word]?.(rest)
    console.log(value === undefined ? 'ok' : `ok ${value}`)
  } catch (error) {
    console.log(`error ${error instanceof LivenessError ? error.code : 'SYSTEM'} ${(error as Error).message}`)
  }
})
