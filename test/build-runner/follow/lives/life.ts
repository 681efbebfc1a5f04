import fc from 'fast-check'
import {
  alongside,
  drained,
  evicted,
  guardRuns,
  hangs,
  initialized,
  jobVanishes,
  type Move,
  nodeLost,
  type Pod,
  pulled,
  pullFails,
  type Script,
  scheduled,
  started,
  unschedulable,
  wait,
} from '../../../fakes/kube-api/index.js'

/** What happens to a build's pod, in numbers that can be made smaller. */
export interface Life {
  /** How long it waits in each stage before the start, in ms. */
  queuedMs: number
  pullMs: number
  initMs: number
  startMs: number
  /** Failed pulls before the one that succeeds. */
  failedPulls: number
  /** How it goes on after that, and what the build comes to. */
  fate: 'succeeds' | 'fails' | 'killed' | 'never' | 'evicted' | 'drained' | 'node-lost' | 'job-vanishes'
  /** Of output. */
  lines: number
  everyMs: number
}

const spanMs = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 20_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 20_000, max: 90_000 }) },
)

export const life: fc.Arbitrary<Life> = fc.record({
  ...{ queuedMs: spanMs, pullMs: spanMs, initMs: spanMs, startMs: spanMs },
  failedPulls: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
  fate: fc.oneof(
    { weight: 6, arbitrary: fc.constant('succeeds' as const) },
    { weight: 2, arbitrary: fc.constantFrom('fails' as const, 'killed' as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(...(['never', 'evicted', 'drained', 'node-lost', 'job-vanishes'] as const)),
    },
  ),
  lines: fc.nat(60),
  everyMs: fc.constantFrom(0, 50, 500, 3000),
})

export const linesOf = (id: string, { lines }: Life): string[] =>
  Array.from({ length: lines }, (_, line) => `${id} says line ${line}\n`)

const misfortunes = { evicted: evicted(), drained, 'node-lost': nodeLost(), 'job-vanishes': jobVanishes } as const

/** @param onStart is called as the build container starts */
export function scriptOf(id: string, each: Life, onStart: (pod: Pod) => void): Script {
  const { queuedMs, pullMs, initMs, startMs, failedPulls, fate, everyMs } = each
  const before: Script = [
    ...(queuedMs === 0 ? [] : [unschedulable('0/3 nodes are available: 3 Insufficient cpu.'), wait(queuedMs)]),
    scheduled(),
    initialized({ tookMs: initMs }),
    ...(failedPulls === 0 ? [] : [pullFails({ why: 'i/o timeout', everyMs: 2000, times: failedPulls })]),
    pulled({ tookMs: pullMs }),
    wait(startMs),
  ]
  if (fate === 'never') return [...before, hangs]
  const begins: Move = async (life) => {
    onStart(life.pod)
    await started(life)
  }
  const steps = [{ output: linesOf(id, each), everyMs }, { exit: fate === 'fails' ? 3 : 0 }]
  if (fate === 'succeeds' || fate === 'fails') return [...before, begins, guardRuns({ steps })]
  if (fate === 'killed') return [...before, begins, guardRuns({ steps, endsAs: { exitCode: 137, message: '' } })]
  const long = guardRuns({ steps: [{ output: linesOf(id, each), everyMs, outcome: 'hangs' }] })
  return [...before, begins, alongside(long), wait(5000), misfortunes[fate]]
}
