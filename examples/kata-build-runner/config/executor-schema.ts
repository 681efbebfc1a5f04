import { z } from 'zod'
import { reservedForExecutors, reservedForRunner } from './annotations.js'
import { image } from './build-schema.js'
import { didYouMean } from './did-you-mean.js'
import { durationMs } from './durations.js'
import type { Executor, ExecutorConfig } from './executor-config.js'
import {
  amount,
  annotationValue,
  dnsLabel,
  dnsName,
  duration,
  flag,
  imagePattern,
  labelValue,
  list,
  map,
  metadataKey,
  strict,
  text,
  whole,
} from './schema-parts.js'

/** `least` and `most` are of one tier; the figures are executor-k8s's own. */
function tiers(
  unit: string,
  least: number,
  most: number,
  defaults: Record<'micro' | 'low' | 'high' | 'turbo', number>,
) {
  const size = amount(unit, least, most)
  return strict({
    micro: size.default(defaults.micro),
    low: size.default(defaults.low),
    high: size.default(defaults.high),
    turbo: size.default(defaults.turbo),
  }).prefault({})
}

const resources = strict({
  cpu: tiers('cores', 0.01, 1024, { micro: 0.5, low: 2, high: 6, turbo: 12 }),
  memory: tiers('GiB', 0.0625, 24_576, { micro: 1, low: 2, high: 12, turbo: 16 }),
  disk: tiers('GiB', 0.0625, 65_536, { micro: 5, low: 10, high: 20, turbo: 50 }),
})

const stage = duration('1s', '168h')
const stageTimeouts = strict({
  created: stage.default('5m'),
  queued: stage.default('30m'),
  pulling: stage.default('15m'),
  init: stage.default('3m'),
  starting: stage.default('3m'),
}).transform(({ created, queued, pulling, init, starting }) => ({
  createdMs: durationMs(created) ?? 0,
  queuedMs: durationMs(queued) ?? 0,
  pullingMs: durationMs(pulling) ?? 0,
  initMs: durationMs(init) ?? 0,
  startingMs: durationMs(starting) ?? 0,
}))

const annotations = map('annotations', metadataKey(), annotationValue()).superRefine((value, context) => {
  for (const key of Object.keys(value)) {
    const problem = reservedForRunner(key)
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [key], message: problem })
  }
})

const kernelParameterRule = strict({
  images: list('regular expressions', imagePattern()).min(1, { error: 'has no pattern; "." is every image' }),
  parameters: list(
    'kernel parameters',
    text('one kernel parameter without white space, like vsyscall=emulate', /^[\x21-\x7e]+$/),
  ).min(1, { error: 'has no parameter' }),
})

const host = text(
  'a host, host:port or https:// URL of the API server, like kubernetes.default',
  /^(https:\/\/)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?(\/[\w./-]*)?$/,
)

const runtimeClass = z
  .union([z.literal(''), dnsName("a RuntimeClass's name")], {
    error: "must be a RuntimeClass's name, or empty text for none",
  })
  .transform((name) => (name === '' ? undefined : name))

const secretPattern = text("a Secret's name; * stands for any characters", /^[-a-z0-9.*]{1,253}$/)

const allowedAnnotation = text(
  "an annotation's key, like example.com/name; * stands for any characters",
  /^[-A-Za-z0-9_./*]{1,317}$/,
).superRefine((pattern, context) => {
  const problem = reservedForExecutors(pattern.replaceAll('*', 'x'))
  if (problem === undefined) return
  context.addIssue({ code: 'custom', message: `${problem}; builds cannot be permitted it` })
})

const minutes = whole('minutes', 1, 10_080)

const kubernetes = strict({
  host: host.optional(),
  privileged: flag().default(false),
  automountServiceAccountToken: flag().default(false),
  dockerFeatureEnabled: flag().default(false),
  resources: resources.prefault({}),
  buildTimeout: minutes.default(90),
  maxBuildTimeout: minutes.default(120),
  nodeSelectors: map('labels', metadataKey(), labelValue()).default({}),
  preferredNodeSelectors: map('labels', metadataKey(), labelValue()).default({}),
  annotations: annotations.default({}),
  runtimeClass: runtimeClass.optional(),
  runtimeClasses: list('names of RuntimeClasses', dnsName("a RuntimeClass's name")).default([]),
  secrets: list('names of Secrets', secretPattern).default([]),
  allowedAnnotations: list("annotations' keys", allowedAnnotation).default([]),
  jobsNamespace: dnsLabel("a namespace's name").default('default'),
  allowRoot: flag().default(false),
  stageTimeouts: stageTimeouts.prefault({}),
  launchAttempts: whole('', 1, 10).default(3),
  dockerImage: image.default('docker:28-dind'),
  kernelParameters: list('rules of images and parameters', kernelParameterRule).default([]),
  queue: dnsName("a LocalQueue's name").optional(),
  imagePullSecrets: list('names of Secrets', dnsName("a Secret's name")).default([]),
  terminationGracePeriod: duration('10s', '10m').default('30s'),
})
  .superRefine(({ buildTimeout, maxBuildTimeout }, context) => {
    if (buildTimeout <= maxBuildTimeout) return
    const message = `is ${buildTimeout} minutes, more than maxBuildTimeout (${maxBuildTimeout}); lower it, or raise the other`
    context.addIssue({ code: 'custom', path: ['buildTimeout'], message })
  })
  .transform(({ terminationGracePeriod, ...rest }) => ({
    ...rest,
    terminationGracePeriodMs: durationMs(terminationGracePeriod) ?? 0,
  }))

const launchImage = image.refine((name) => !name.includes('@') && !/:[^/]*$/.test(name), {
  error: 'has a tag or digest; write the tag as launchVersion',
})

const options = strict({
  kubernetes: kubernetes.prefault({}),
  launchImage: launchImage.default('shm-liveness'),
  launchVersion: text('a tag, in quotes where YAML would read a number', /^\w[\w.-]{0,127}$/).default('0.1.0'),
  fusebox: strict({
    breaker: strict({ timeout: whole('milliseconds', 100, 600_000).default(10_000) }).prefault({}),
  }).prefault({}),
  requestretry: strict({
    retryDelay: whole('milliseconds', 1, 600_000).default(3000),
    maxAttempts: whole('', 1, 100).default(5),
  }).prefault({}),
})

const exclusionPattern = imagePattern().refine((pattern) => !pattern.test(''), {
  error: 'matches every image; leave the executor out instead',
})

const executor = strict(
  {
    exclusion: list('regular expressions', exclusionPattern).default([]),
    weightage: whole('', 0, 1_000_000).default(0),
    options: options.prefault({}),
  },
  'an executor: a map (the only other key here is "plugin")',
).transform(({ exclusion, weightage, options }) => ({ exclusion, weightage, ...options }))

const executorName = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/

const block = z
  .object({ plugin: text("an executor's name").optional() }, { error: 'must be a map' })
  .catchall(executor)
  .transform(({ plugin, ...named }, context): ExecutorConfig => {
    const executors = new Map<string, Executor>()
    for (const [name, value] of Object.entries(named)) {
      if (!executorName.test(name)) {
        const message = "is no executor's name, which becomes a label: up to 63 of A-Z a-z 0-9 - _ and ."
        context.addIssue({ code: 'custom', path: [name], message })
      }
      executors.set(name, { name, ...value })
    }
    const names = [...executors.keys()]
    const chosen = plugin ?? names[0]
    if (chosen === undefined || !executors.has(chosen)) {
      const message =
        chosen === undefined
          ? 'has no executor'
          : `names no executor that is here${didYouMean(chosen, names) || `; there are ${names.join(', ') || 'none'}`}`
      context.addIssue({ code: 'custom', path: chosen === undefined ? [] : ['plugin'], message })
      return z.NEVER
    }
    return { plugin: chosen, executors }
  })

export const executorConfigSchema = strict({ executor: block }).transform(({ executor }) => executor)
