import fc from 'fast-check'
import type { Clock } from '../../../../examples/kata-build-runner/model/clock.js'
import type { FakeKubeApi, Fault } from '../../../fakes/kube-api/index.js'
import type { RunnerClock } from './runner-clock.js'

/** What goes wrong between the runner and its API server, at a moment of simulated time. */
export interface Misfortune {
  atMs: number
  what:
    | { kind: 'outage' | 'silence' | 'suspended'; ms: number }
    | { kind: 'refusals'; status: number; path: 'any' | 'log' | 'watch' | 'delete'; times: number }
    | { kind: 'refused'; status: number; path: 'any' | 'log' | 'watch'; ms: number }
    | { kind: 'cut'; bytes: number; times: number; within: boolean }
    | { kind: 'lost-answers'; method: 'POST' | 'PATCH' | 'DELETE'; times: number }
    | { kind: 'clock'; ms: number }
    | { kind: 'dropped' | 'ended' | 'compacted' }
}

const paths = { any: /./, log: /\/log/, watch: /watch=true/, delete: /./ } as const
/** Up to 4 minutes, as bad days have it. */
const downMs = fc.oneof(fc.integer({ min: 100, max: 20_000 }), fc.integer({ min: 20_000, max: 240_000 }))
// Of objects a 404 is an answer that is believed; of a log it may be a kubelet that has just started.
const status = fc.constantFrom(401, 403, 410, 429, 500, 503)
const logStatus = fc.constantFrom(400, 401, 403, 404, 429, 500)

const what: fc.Arbitrary<Misfortune['what']> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('outage', 'silence', 'suspended'), ms: downMs }) },
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ kind: fc.constant('refusals'), status, times: fc.integer({ min: 1, max: 12 }) },
      path: fc.constantFrom('any', 'watch', 'delete'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ kind: fc.constant('refusals'), status: logStatus, times: fc.integer({ min: 1, max: 12 }) },
      path: fc.constant('log'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ kind: fc.constant('refused'), status: logStatus, path: fc.constant('log'), ms: downMs },
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('refused'), status, path: fc.constantFrom('any', 'watch'), ms: downMs }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ kind: fc.constant('cut'), bytes: fc.integer({ min: 0, max: 3000 }), times: fc.integer({ min: 1, max: 5 }) },
      within: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('lost-answers'),
      method: fc.constantFrom('POST', 'PATCH', 'DELETE'),
      times: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('clock'), ms: fc.integer({ min: -7_200_000, max: 7_200_000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('dropped', 'ended', 'compacted') }) },
) as fc.Arbitrary<Misfortune['what']>

export const misfortune: fc.Arbitrary<Misfortune> = fc.record({ atMs: fc.integer({ min: 0, max: 150_000 }), what })

/** Lets it happen. @returns once it is over */
export async function happen(
  { what }: Misfortune,
  kube: FakeKubeApi,
  world: Clock,
  runner: RunnerClock,
  signal: AbortSignal,
): Promise<void> {
  const lasting = async (fault: Fault, path: RegExp, ms: number): Promise<void> => {
    const planned = kube.faults.always('*', path, fault)
    kube.dropConnections()
    await world.sleep(ms, signal)
    planned.end()
  }
  switch (what.kind) {
    case 'outage':
      return await lasting({ drop: true }, paths.any, what.ms)
    case 'silence':
      return await lasting({ silent: true }, paths.any, what.ms)
    case 'suspended':
      runner.suspend()
      await lasting({ drop: true }, paths.any, what.ms)
      return runner.resume()
    case 'refusals': {
      const method = what.path === 'delete' ? 'DELETE' : '*'
      kube.faults.next(method, paths[what.path], { status: what.status }, what.times)
      if (what.path !== 'delete') kube.dropConnections()
      return
    }
    case 'refused':
      return await lasting({ status: what.status }, paths[what.path], what.ms)
    case 'cut':
      kube.faults.next('GET', paths.log, cutAfter(what.bytes, what.within), what.times)
      return kube.dropConnections()
    case 'lost-answers':
      kube.faults.next(what.method, paths.any, { drop: true, afterWork: true }, what.times)
      return
    case 'clock':
      return runner.step(what.ms)
    case 'dropped':
      return kube.dropConnections()
    case 'ended':
      return kube.endWatches()
    case 'compacted':
      kube.compact()
      return kube.dropConnections()
  }
}

function cutAfter(bytes: number, within: boolean): Fault {
  return within ? { truncateAfterBytes: bytes } : { dropAfterBytes: bytes }
}
