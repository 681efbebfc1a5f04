import { z } from 'zod'
import { image } from '../../kata-build-runner/config/build-schema.js'
import {
  dnsName,
  labelValue,
  list,
  map,
  metadataKey,
  strict,
  text,
  whole,
} from '../../kata-build-runner/config/schema-parts.js'
import { cpu, networks, oneOf, percent, size, span, tolerations } from './schema-parts.js'

/** Where the cache of a daemon is, and how much of it there may be. */
const storage = strict({
  kind: oneOf('volume', 'ephemeral').default('volume'),
  size: size('1Gi', '64Ti').prefault('100Gi'),
  storageClass: dnsName("a StorageClass's name").optional(),
})

/** Shares of `storage.size`, since BuildKit's own percentages are of the whole file system: see `render/daemon/disk-plan.ts`. */
const gc = strict({
  reserved: percent(0, 90).default(20),
  mostUsed: percent(5, 95).default(70),
  leastFree: percent(0, 90).default(15),
  unusedFor: span('1h', '8760h').prefault('336h'),
  cacheMounts: strict({
    beyond: percent(1, 90).default(25),
    unusedFor: span('1h', '8760h').prefault('72h'),
  }).prefault({}),
}).superRefine(({ reserved, mostUsed, leastFree, cacheMounts }, context) => {
  const refuse = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message })
  if (reserved > mostUsed) refuse('reserved', `is ${reserved}, more than mostUsed (${mostUsed}); lower it`)
  if (mostUsed + leastFree > 100) {
    refuse('leastFree', `and mostUsed are ${mostUsed + leastFree} percent together; lower one of them to 100 in sum`)
  }
  if (cacheMounts.beyond > mostUsed) {
    refuse('cacheMounts', `go beyond ${cacheMounts.beyond} percent, which is above mostUsed (${mostUsed}); lower it`)
  }
})

/** A stall must be told before it is ended. */
const tooLate = 'is longer than endedAfter; make it the shorter one'

const stepBudget = strict({
  // One line: it is a part of a flag.
  step: text(
    "a step's name on one line, like RUN npm ci*, with * for any characters",
    /^[^=,\n\r\u2028\u2029]{1,200}$/,
  ),
  toldAfter: span('10s', '24h'),
  endedAfter: z.union([z.literal('never'), span('10s', '168h')], { error: 'must be a duration like 1h30m, or never' }),
}).superRefine(({ toldAfter, endedAfter }, context) => {
  if (endedAfter !== 'never' && toldAfter.ms > endedAfter.ms) {
    context.addIssue({ code: 'custom', path: ['toldAfter'], message: tooLate })
  }
})

const budgets = strict({
  toldAfter: span('10s', '24h').prefault('5m'),
  endedAfter: span('10s', '24h').prefault('30m'),
  apiAnswer: span('5s', '1h').prefault('60s'),
  steps: list('budgets of steps', stepBudget).default([]),
})

const tls = strict({
  daemonSecret: dnsName("a Secret's name").default('buildkit-daemon-certs'),
  clientSecret: dnsName("a Secret's name").default('buildkit-client-certs'),
})

export const daemon = strict({
  isolation: oneOf('rootless', 'privileged', 'kata').default('rootless'),
  runtimeClass: dnsName("a RuntimeClass's name").optional(),
  shards: whole('', 1, 64).default(1),
  image: image.optional(),
  storage: storage.prefault({}),
  gc: gc.prefault({}),
  resources: strict({ cpu: cpu().prefault(4), memory: size('512Mi', '16Ti').prefault('8Gi') }).prefault({}),
  maxParallelism: whole('', 1, 1024).optional(),
  tls: tls.prefault({}),
  budgets: budgets.prefault({}),
  drainTimeout: span('1s', '24h').prefault('30m'),
  nodeSelector: map('labels', metadataKey(), labelValue()).default({}),
  tolerations: tolerations.default([]),
  priorityClass: dnsName("a PriorityClass's name").optional(),
  blockedEgress: networks('169.254.0.0/16').default(['169.254.0.0/16']),
  metricsFrom: map('labels', metadataKey(), labelValue()).optional(),
}).superRefine(({ isolation, runtimeClass, storage, budgets }, context) => {
  const refuse = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message })
  if (runtimeClass !== undefined && isolation !== 'kata') {
    refuse(['runtimeClass'], `is for isolation kata, and it is ${isolation}; leave it out`)
  }
  if (isolation === 'kata' && storage.kind === 'ephemeral') {
    refuse(
      ['storage', 'kind'],
      'must be volume under Kata: an emptyDir is virtio-fs there, and overlayfs cannot write on it',
    )
  }
  if (budgets.toldAfter.ms > budgets.endedAfter.ms) {
    refuse(['budgets', 'toldAfter'], tooLate)
  }
})
