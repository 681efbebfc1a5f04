import {
  disrupted,
  ended,
  event,
  installed,
  interim,
  job,
  observed,
  of,
  pod,
  running,
  terminated,
  toldToStop,
} from '../shapes.js'
import type { Case } from './case.js'

export const takenAwayCases: Case[] = [
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
      deletingSince: 0,
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
]
