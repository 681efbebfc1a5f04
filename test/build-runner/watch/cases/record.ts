import { at, ended, interim, job, observed, record, success, terminated } from '../shapes.js'
import type { Case } from './case.js'

const stalled =
  'stalled: main last beat 5m ago (limit 5m) in phase "test", read of fd 0 -> pipe:[4711] (pipe_read), pid 17 S (sleeping), cpu 0%'

export const recordCases: Case[] = [
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
  // --- a record of success that the build wrote, before it killed the guard
  {
    name: 'a record of success, and the guard was killed',
    observed: ended(terminated(137, 'Error', success)),
    kind: 'signalled',
    says: ['killed by signal 9'],
    evidence: 'guard: exited 0',
  },
  {
    name: 'a record of success, and all was out of memory',
    observed: ended(terminated(137, 'OOMKilled', success)),
    kind: 'oom-killed',
    says: ['exited with 137'],
  },
  {
    name: 'a record of success, and the container was evicted',
    observed: ended(terminated(137, 'Error', success), { reason: 'Evicted', message: 'The node was low on memory.' }),
    kind: 'evicted',
    says: ['low on memory'],
  },
  {
    name: 'a record of success, and the guard exited with 1',
    observed: ended(terminated(1, 'Error', success)),
    kind: 'unproven',
    says: ['exited with 1', 'not believed'],
  },
  {
    name: 'a record of success, and a build that was cancelled',
    observed: ended(terminated(137, 'Error', success), {}, { cancelled: true }),
    kind: 'cancelled',
    says: ['cancelled'],
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
