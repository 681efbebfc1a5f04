/** What users may write, and what they may not. Compiled by types.test.ts (and `npm run typecheck`), never run. */
import {
  type ClaimOptions,
  type Duration,
  Heartbeat,
  type LastWords,
  LivenessError,
  type LivenessErrorCode,
  type Phase,
  type PhaseOptions,
  type probePath,
  Region,
  type RegionOptions,
  type SlowPlace,
  type Verdict,
  type VerdictOptions,
  type VerdictWord,
  type Where,
  type Worker,
  type WorkerState,
} from 'shm-liveness'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_really: Same<A, B>): void {}
declare function every(call: () => unknown, ms: number): void
declare function fail(): never

same<Duration, number | string>(true)
same<ReturnType<typeof Heartbeat.claim>, Heartbeat>(true)
same<Heartbeat['beat'], () => boolean>(true)
same<ReturnType<Heartbeat['stop']>, void>(true)
same<ReturnType<Heartbeat['phase']>, Phase>(true)
same<ReturnType<Region['workers']>, Worker[]>(true)
same<ReturnType<Region['verdict']>, Verdict>(true)
same<ReturnType<typeof probePath>, string>(true)
same<Worker['state'], WorkerState>(true)
same<Worker['lastWords'], LastWords | null>(true)
same<Worker['where'], Where | null>(true)
same<LastWords['slowPlaces'], SlowPlace[]>(true)
same<Worker['incarnation'], bigint>(true)
same<Verdict['verdict'], VerdictWord>(true)
same<Verdict['code'], LivenessErrorCode | null>(true)
same<PhaseOptions, { budget: Duration }>(true)

// Options: optional ones may be undefined, required ones not.
const options: ClaimOptions = { name: 'grabber', maxAge: 250, cycleLimit: undefined, region: undefined }
const place: RegionOptions = { dir: '/dev/shm', allowDisk: true }
const question: VerdictOptions = { check: 'readiness', expect: ['grabber'] as const, min: 1 }
// @ts-expect-error a name is required
Heartbeat.claim({ maxAge: 250 })
// @ts-expect-error a max age is required
Heartbeat.claim({ name: 'grabber' })
// @ts-expect-error there are two clocks
Heartbeat.claim({ ...options, clock: 'wall' })
// @ts-expect-error no such option exists
Heartbeat.claim({ ...options, maxage: 250 })
// @ts-expect-error a duration is no Date
Heartbeat.claim({ ...options, maxAge: new Date() })
// @ts-expect-error there are three checks
Region.open('camera').verdict({ check: 'health' })
// @ts-expect-error claim makes them
new Heartbeat()
// @ts-expect-error open makes them
new Region()

const heartbeat = Heartbeat.claim(options)
// @ts-expect-error a phase has a budget
heartbeat.phase('calibrate')
// @ts-expect-error beat is what the addon made it
heartbeat.beat = () => true
// @ts-expect-error nor does a name change
heartbeat.name = 'other'
const { beat } = heartbeat
every(beat, 100)
same<typeof heartbeat.claimed, boolean>(true)
heartbeat.notReady()
heartbeat.notReady('draining')
{
  using scoped = Heartbeat.claim(options)
  using phase = scoped.phase('calibrate', { budget: '30s' })
  same<typeof phase.name, string>(true)
}

const region = Region.open('camera', place)
Region.open()
region.retire('grabber')
region.markRestart('grabber')
region.markRestart('grabber', { budget: '10s' })
// @ts-expect-error a mark is for one worker
region.markRestart({ budget: '10s' })
const { verdict, healthy } = region.verdict(question)
same<typeof healthy, boolean>(true)
// @ts-expect-error no such verdict
if (verdict === 'ill') fail()

try {
  region.workers()
} catch (error) {
  if (error instanceof LivenessError && error.code === 'REGION_MISSING') fail()
  // @ts-expect-error no such code
  if (error instanceof LivenessError && error.code === 'REGION_LOST') fail()
}
