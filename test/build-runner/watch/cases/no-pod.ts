import type { Observed } from '../../../../examples/kata-build-runner/watch/observed.js'
import { event, job, limits, observed, of, over, pod } from '../shapes.js'
import type { Case } from './case.js'

const refused = (message: string, afterSeconds = 60) =>
  observed({
    afterSeconds,
    job: job({ active: 0 }),
    events: of(() => event('Job', 'FailedCreate', `Error creating: ${message}`, { count: 4 })),
  })

const unscheduled = (message: string): Observed =>
  observed({
    afterSeconds: over(limits.queuedMs),
    since: { queued: 0 },
    pod: pod({ node: null, conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }] }),
  })

export const noPodCases: Case[] = [
  {
    name: 'no room and no label',
    observed: unscheduled(
      "0/5 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient cpu, 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/5 nodes are available: 3 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.",
    ),
    kind: 'unschedulable',
    says: [
      'none of 5 nodes',
      '2 too little CPU free (the build asks for 6)',
      'dedicated=screwdriver-kata',
      'node-role.kubernetes.io/control-plane',
    ],
    remedy: /tier\.cpu.*nodeSelectors/,
    retry: true,
    evidence: 'Preemption is not helpful',
  },
  {
    name: 'a label that no node has',
    observed: unscheduled(
      "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
    ),
    kind: 'unschedulable',
    says: ['none of 3 nodes', 'dedicated=screwdriver-kata'],
    remedy: 'nodeSelectors',
    retry: false,
  },
  {
    name: 'no memory, in the words of 1.34',
    observed: unscheduled(
      '0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 Insufficient memory. no new claims to deallocate, preemption: 0/4 nodes are available: 1 Preemption is not helpful for scheduling, 3 No preemption victims found for incoming pod.',
    ),
    kind: 'unschedulable',
    says: ['3 too little memory free (the build asks for 12Gi)', '1 with a taint'],
    remedy: 'tier.memory',
    retry: true,
  },
  {
    name: 'a node that had given its room away',
    observed: observed({
      pod: pod({
        phase: 'Failed',
        reason: 'OutOfcpu',
        message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 6000, used: 3200, capacity: 8000",
      }),
    }),
    kind: 'unschedulable',
    says: ['node kata-7 refused the pod', 'cpu'],
    retry: true,
  },
  // --- refused: only the Job's events say it
  {
    name: 'no such RuntimeClass',
    observed: refused('pods "web-1-" is forbidden: pod rejected: RuntimeClass "kata" not found'),
    kind: 'runtime-class',
    says: ['RuntimeClass "kata" not found'],
    remedy: 'preflight',
    evidence:
      'FailedCreate: Error creating: pods "web-1-" is forbidden: pod rejected: RuntimeClass "kata" not found (4 times)',
  },
  {
    name: 'a quota that is used up, at the limit',
    observed: refused(
      'pods "web-1-f2x9c" is forbidden: exceeded quota: builds, requested: limits.memory=12Gi, used: limits.memory=56Gi, limited: limits.memory=64Gi',
      over(limits.createdMs),
    ),
    kind: 'quota',
    says: ['exceeded quota: builds'],
    retry: true,
  },
  {
    name: 'a quota that counts what the pod does not name',
    observed: refused(
      'pods "web-1-f2x9c" is forbidden: failed quota: builds: must specify limits.cpu for: shm-liveness-install; limits.memory for: shm-liveness-install',
    ),
    kind: 'quota',
    says: ['must specify limits.cpu'],
    remedy: 'LimitRange',
  },
  {
    name: 'Pod Security',
    observed: refused(
      'pods "web-1-f2x9c" is forbidden: violates PodSecurity "restricted:latest": privileged (container "docker" must not set securityContext.privileged=true), runAsNonRoot != true (container "docker" must not set securityContext.runAsNonRoot=false)',
    ),
    kind: 'admission',
    says: ['violates PodSecurity'],
    remedy: 'dockerFeatureEnabled',
  },
  {
    name: 'a LimitRange',
    observed: refused('pods "web-1-f2x9c" is forbidden: maximum memory usage per Container is 8Gi, but limit is 12Gi'),
    kind: 'admission',
    says: ['maximum memory usage'],
    remedy: 'LimitRange',
  },
  {
    name: 'a policy that denies',
    observed: refused('admission webhook "validate.policies.example" denied the request: only signed images'),
    kind: 'admission',
    says: ['only signed images'],
  },
  {
    name: 'a webhook that does not answer, at the limit',
    observed: refused(
      'Internal error occurred: failed calling webhook "inject.example": failed to call webhook: Post "https://inject.mesh.svc:443/inject?timeout=10s": context deadline exceeded',
      over(limits.createdMs),
    ),
    kind: 'admission',
    says: ['failed calling webhook'],
    retry: true,
  },
  {
    name: 'a queue that never lets it in',
    observed: observed({
      afterSeconds: over(limits.createdMs),
      job: job(
        { conditions: [{ type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' }] },
        { suspend: true },
        { labels: { 'kueue.x-k8s.io/queue-name': 'builds' } },
      ),
    }),
    kind: 'stage-timeout',
    says: ['"created"', 'waits in queue builds'],
    retry: true,
  },
]
