import { observed, pod, podInitializing } from '../shapes.js'
import type { Case } from './case.js'

export const takenBeforeStartCases: Case[] = [
  {
    name: 'preempted before its start',
    observed: observed({
      pod: pod({
        phase: 'Failed',
        build: podInitializing,
        installer: podInitializing,
        conditions: [
          {
            type: 'DisruptionTarget',
            status: 'True',
            reason: 'PreemptionByScheduler',
            message: 'default-scheduler: preempting to accommodate a higher priority pod',
          },
        ],
      }),
    }),
    kind: 'preempted',
    says: ['kata-7'],
    retry: true,
  },
  {
    name: 'evicted before its start',
    observed: observed({
      pod: pod({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: ephemeral-storage. ' }),
    }),
    kind: 'evicted',
    says: ['low on resource: ephemeral-storage'],
    retry: true,
  },
  {
    name: 'out of time before its start',
    observed: observed({
      pod: pod({
        phase: 'Failed',
        reason: 'DeadlineExceeded',
        message: 'Pod was active on the node longer than the specified deadline',
      }),
    }),
    kind: 'deadline',
    says: ['5400 s'],
    retry: false,
  },
  {
    name: 'the Job deleted before it had a pod',
    observed: observed({ jobVanished: true }),
    kind: 'job-vanished',
    says: ['web-1'],
    retry: false,
  },
  {
    name: 'cancelled before its start',
    observed: observed({ jobVanished: true, cancelled: true }),
    kind: 'cancelled',
    says: ['before the build container had started'],
  },
]
