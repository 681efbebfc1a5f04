import type { Observed } from '../../../examples/kata-build-runner/watch/observed.js'
import type { Case } from './cases.js'
import {
  at,
  event,
  inBuild,
  installed,
  interim,
  job,
  observed,
  of,
  pod,
  record,
  running,
  terminated,
  toldToStop,
} from './shapes.js'

type Shape = Parameters<typeof pod>[0]

const ended = (build: Record<string, unknown>, shape: Shape = {}, more: Partial<Observed> = {}): Observed =>
  observed({ pod: pod({ phase: 'Failed', installer: installed, build, ...shape }), ...more })

const disrupted = (reason: string, message: string) => ({
  conditions: [{ type: 'DisruptionTarget', status: 'True', reason, message }],
})

const killedByProbe = (words: string) =>
  of(
    () => event('Pod', 'Unhealthy', words, { container: inBuild, count: 3 }),
    () => event('Pod', 'Killing', 'Container build failed liveness probe', { container: inBuild, type: 'Normal' }),
  )

const stalled = 'stalled: main last beat 5m ago (limit 5m) in phase "test", pid 17 S (sleeping) in pipe_read, cpu 0%'

export const afterStartCases: Case[] = [
  // --- the guard's record
  {
    name: 'a step that fails',
    observed: ended(terminated(3, 'Error', record('exited', 3, 'exited with 3'))),
    kind: 'step-failed',
    says: ['step 2/3 "test" exited with 3'],
  },
  {
    name: 'a step that crashes',
    observed: ended(terminated(139, 'Error', record('signalled', 139, 'killed by SIGSEGV'))),
    kind: 'step-failed',
    says: ['crashed', 'SIGSEGV'],
  },
  {
    name: 'a step that the image cannot run',
    observed: ended(
      terminated(127, 'Error', record('not-started', 127, 'cannot run "make": No such file or directory')),
    ),
    kind: 'step-failed',
    says: ['could not be run', 'make'],
  },
  {
    name: 'a guard that cannot read its steps',
    observed: ended(
      terminated(
        2,
        'Error',
        '--steps /shm-liveness-build/steps.json: No such file or directory\n{"outcome":"not-started","exit":2,"verdict":"","line":"--steps /shm-liveness-build/steps.json: No such file or directory","restarts":0,"time":"2026-11-24T10:05:00Z"}\n',
      ),
    ),
    kind: 'start-error',
    says: ['the guard could not begin', 'steps.json'],
  },
  {
    name: 'a step that hangs',
    observed: ended(terminated(120, 'Error', record('stalled', 120, stalled, { verdict: 'stalled' }))),
    kind: 'stalled',
    says: ['step 2/3 "test" stalled', 'pipe_read'],
  },
  {
    name: 'a worker that died',
    observed: ended(terminated(121, 'Error', record('dead', 121, 'dead: compiler ended without a word'))),
    kind: 'dead',
    says: ['step 2/3', 'compiler'],
  },
  {
    name: 'a worker that never came',
    observed: ended(terminated(122, 'Error', record('missing', 122, 'missing: compiler'))),
    kind: 'dead',
    says: ['missing'],
  },
  {
    name: 'a step beyond its time limit',
    observed: ended(terminated(124, 'Error', record('timed-out', 124, 'timed out: beyond its time limit of 20m'))),
    kind: 'time-limit',
    says: ['step 2/3 "test" timed out', '20m'],
  },
  // --- memory
  {
    name: 'the whole container out of memory: no record, 137',
    observed: ended(terminated(137, 'OOMKilled')),
    kind: 'oom-killed',
    says: ['out of memory'],
    evidence: 'exit 137 (OOMKilled)',
  },
  {
    name: 'out of memory with exit 0',
    observed: ended(terminated(0, 'OOMKilled'), { phase: 'Succeeded' }),
    kind: 'oom-killed',
    says: ['exited with 0'],
  },
  {
    name: 'a step out of memory, the guard beside it alive',
    observed: ended(terminated(137, 'OOMKilled', record('signalled', 137, 'killed by SIGKILL'))),
    kind: 'oom-killed',
    says: ['step 2/3 "test"', 'SIGKILL'],
  },
  {
    name: "a step's compiler out of memory",
    observed: ended(terminated(2, 'OOMKilled', record('exited', 2, 'exited with 2'))),
    kind: 'oom-killed',
    says: ['step 2/3 "test" exited with 2'],
  },
  {
    name: '137 that nobody calls out of memory',
    observed: ended(terminated(137, 'Error', record('signalled', 137, 'killed by SIGKILL'))),
    kind: 'signalled',
    says: ['SIGKILL', 'nothing says by whom'],
    remedy: 'memory',
  },
  {
    name: 'a shell that relays a SIGKILL',
    observed: ended(terminated(137, 'Error', record('exited', 137, 'exited with 137'))),
    kind: 'step-failed',
    says: ['killed by signal 9'],
  },
  { name: 'the guard itself killed', observed: ended(terminated(137, 'Error')), kind: 'signalled', says: ['signal 9'] },
  // --- taken away
  {
    name: 'the deadline',
    observed: ended(terminated(143, 'Error', toldToStop), {
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    }),
    kind: 'deadline',
    says: ['5400 s', 'step 2/3 "test"'],
    remedy: 'timeout',
  },
  {
    name: "the Job's deadline, which takes pod and log along",
    observed: observed({
      job: job({
        failed: 1,
        conditions: [
          {
            type: 'Failed',
            status: 'True',
            reason: 'DeadlineExceeded',
            message: 'Job was active longer than specified deadline',
          },
        ],
      }),
      pod: pod({ phase: 'Running', installer: installed, build: running }),
      podVanished: true,
    }),
    kind: 'deadline',
    says: ['9600 s'],
  },
  {
    name: 'too much on the disk',
    observed: ended(terminated(137, 'Error'), {
      reason: 'Evicted',
      message: 'Container build exceeded its local ephemeral storage limit "20Gi". ',
    }),
    kind: 'evicted',
    says: ['more disk than its limit'],
    remedy: 'disk tier',
  },
  {
    name: 'a node short of memory',
    observed: ended(terminated(143, 'Error', interim), {
      reason: 'Evicted',
      message:
        'The node was low on resource: memory. Threshold quantity: 100Mi, available: 51Mi. Container build was using 11Gi, request is 2Gi, has larger consumption of memory. ',
      ...disrupted('TerminationByKubelet', 'The node was low on resource: memory.'),
    }),
    kind: 'evicted',
    says: ['kata-7', 'low on resource: memory'],
    evidence: 'DisruptionTarget: TerminationByKubelet',
  },
  {
    name: 'a drain',
    observed: ended(terminated(143, 'Error', toldToStop), disrupted('EvictionByEvictionAPI', 'Eviction API: evicting')),
    kind: 'evicted',
    says: ['eviction API'],
    remedy: 'safe-to-evict',
  },
  {
    name: 'preempted',
    observed: ended(
      terminated(143, 'Error', toldToStop),
      disrupted('PreemptionByScheduler', 'default-scheduler: preempting to accommodate a higher priority pod'),
    ),
    kind: 'preempted',
    says: ['kata-7'],
  },
  {
    name: 'preempted before there was the condition',
    observed: ended(
      terminated(143, 'Error', toldToStop),
      {},
      { events: of(() => event('Pod', 'Preempted', 'Preempted by pod 7d7f on node kata-7', { type: 'Normal' })) },
    ),
    kind: 'preempted',
    says: ['kata-7'],
  },
  {
    name: 'taken back by its queue',
    observed: observed({
      job: job({}, { suspend: true }, { labels: { 'kueue.x-k8s.io/queue-name': 'builds' } }),
      pod: pod({
        phase: 'Failed',
        installer: installed,
        build: terminated(143, 'Error', toldToStop),
        metadata: { deletionTimestamp: '2026-11-24T10:05:30Z' },
      }),
    }),
    kind: 'preempted',
    says: ['queue builds'],
  },
  {
    name: 'a node that was shut down',
    observed: ended(terminated(143, 'Error', interim), {
      reason: 'Terminated',
      message: 'Pod was terminated in response to imminent node shutdown.',
    }),
    kind: 'node-lost',
    says: ['kata-7 was shut down'],
  },
  {
    name: 'a node that is not ready',
    observed: ended(
      terminated(137, 'Error'),
      disrupted('DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint'),
    ),
    kind: 'node-lost',
    says: ['kata-7', 'NoExecute'],
  },
  {
    name: 'a node that is gone, with its pod',
    observed: observed({
      pod: pod({ phase: 'Running', installer: installed, build: running }),
      podVanished: true,
      events: of(() =>
        event('Pod', 'TaintManagerEviction', 'Marking for deletion Pod builds/web-1-x7k2p', { type: 'Normal' }),
      ),
    }),
    kind: 'node-lost',
    says: ['kata-7'],
  },
  {
    name: 'a node that does not answer, and keeps its pod',
    observed: observed({
      afterSeconds: 1000,
      pod: pod({
        phase: 'Running',
        installer: installed,
        build: running,
        metadata: { deletionTimestamp: '2026-11-24T10:06:00Z' },
      }),
    }),
    kind: 'node-lost',
    says: ['kata-7 does not answer'],
  },
  {
    name: 'a pod whose node nobody hears of',
    observed: observed({
      pod: pod({
        phase: 'Running',
        reason: 'NodeLost',
        message: 'Node kata-7 which was running pod web-1-x7k2p is unresponsive',
        installer: installed,
        build: running,
      }),
    }),
    kind: 'node-lost',
    says: ['kata-7'],
  },
  {
    name: 'a node that came back without its containers',
    observed: ended({
      terminated: {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was terminated',
        startedAt: null,
        finishedAt: null,
      },
    }),
    kind: 'node-lost',
    says: ['no longer knows'],
  },
  // --- killed from outside
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
  // --- no proof
  {
    name: 'Succeeded without a record',
    observed: ended(terminated(0, 'Completed'), { phase: 'Succeeded' }),
    kind: 'unproven',
    says: ['exited with 0', 'without a final record'],
  },
  {
    name: 'Succeeded with an interim record',
    observed: ended(terminated(0, 'Completed', interim), { phase: 'Succeeded' }),
    kind: 'unproven',
    says: ['step 2/3'],
  },
  {
    name: "Succeeded with a failed probe's word in the place of the record",
    observed: ended(terminated(0, 'Completed', 'stalled: main last beat 5m ago (limit 5m)'), { phase: 'Succeeded' }),
    kind: 'unproven',
    says: ['exited with 0'],
  },
  {
    name: 'Succeeded with the record of a step that is not the last',
    observed: ended(terminated(0, 'Completed', record('exited', 0, 'exited with 0')), { phase: 'Succeeded' }),
    kind: 'unproven',
    says: ['step 2/3'],
  },
  {
    name: 'a Job that is complete, and whose pod nobody has',
    observed: observed({
      job: job({ succeeded: 1, conditions: [{ type: 'Complete', status: 'True', reason: 'CompletionsReached' }] }),
      since: { ended: at(0) },
    }),
    kind: 'unproven',
    says: ['ended'],
  },
]
