import {
  ended,
  event,
  inBuild,
  installed,
  interim,
  observed,
  of,
  pod,
  record,
  running,
  terminated,
  toldToStop,
} from '../shapes.js'
import type { Case } from './case.js'

const killedByProbe = (words: string) =>
  of(
    () => event('Pod', 'Unhealthy', words, { container: inBuild, count: 3 }),
    () => event('Pod', 'Killing', 'Container build failed liveness probe', { container: inBuild, type: 'Normal' }),
  )

const stalled =
  'stalled: main last beat 5m ago (limit 5m) in phase "test", read of fd 0 -> pipe:[4711] (pipe_read), pid 17 S (sleeping), cpu 0%'

export const killedCases: Case[] = [
  {
    name: 'a liveness probe that found a stall',
    observed: ended(
      terminated(143, 'Error', toldToStop),
      {},
      { events: killedByProbe(`Liveness probe failed: ${stalled}`) },
    ),
    kind: 'stalled',
    says: ['liveness probe', 'pipe_read'],
  },
  {
    name: 'a liveness probe without an answer',
    observed: ended(
      terminated(137, 'Error', interim),
      {},
      {
        events: killedByProbe('Liveness probe failed: command timed out: "/shm-liveness/shm-probe" timed out after 5s'),
      },
    ),
    kind: 'signalled',
    says: ['liveness probe', 'timed out'],
    remedy: 'overloaded',
  },
  {
    name: 'the pod deleted by hand',
    observed: ended(terminated(143, 'Error', toldToStop), { metadata: { deletionTimestamp: '2026-11-24T10:05:30Z' } }),
    kind: 'job-vanished',
    says: ['pod web-1-x7k2p was deleted'],
  },
  {
    name: 'the Job deleted by hand',
    observed: observed({
      pod: pod({ phase: 'Running', installer: installed, build: running }),
      jobVanished: true,
      podVanished: true,
    }),
    kind: 'job-vanished',
    says: ['Job web-1 was deleted'],
  },
  {
    name: 'a SIGTERM of unknown origin',
    observed: ended(terminated(143, 'Error', toldToStop)),
    kind: 'signalled',
    says: ['told to stop', 'step 2/3'],
  },
  {
    name: 'cancelled: the deadline was lowered for it',
    observed: ended(
      terminated(143, 'Error', toldToStop),
      { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' },
      { cancelled: true },
    ),
    kind: 'cancelled',
    says: ['step 2/3'],
  },
  {
    name: 'cancelled, and slower than the grace',
    observed: ended(terminated(137, 'Error', interim), {}, { cancelled: true }),
    kind: 'cancelled',
    says: ['cancelled'],
  },
  {
    name: 'a step that failed before the cancel came',
    observed: ended(terminated(3, 'Error', record('exited', 3, 'exited with 3')), {}, { cancelled: true }),
    kind: 'step-failed',
    says: ['exited with 3'],
  },
  {
    name: 'evicted while it was cancelled',
    observed: ended(
      terminated(137, 'Error'),
      { reason: 'Evicted', message: 'The node was low on resource: memory.' },
      { cancelled: true },
    ),
    kind: 'evicted',
    says: ['low on'],
  },
]
