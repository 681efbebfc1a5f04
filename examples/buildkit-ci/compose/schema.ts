/** The subset of the Compose specification that can become a pod. Every other key is refused, with what to do instead. */
import { z } from 'zod'
import { durationMs } from '../../kata-build-runner/config/durations.js'
import { imageProblem } from '../../kata-build-runner/config/image-name.js'
import { dnsLabel, duration, list, map, strict, text } from '../../kata-build-runner/config/schema-parts.js'
import { wordsOf } from './words.js'

const refused = (why: string) => z.never({ error: `is not supported: ${why}` }).optional()

const milliseconds = (least: string, most: string) =>
  duration(least, most).transform((value) => durationMs(value) as number)

const line = text('a command line, or a list of words').transform((value, context) => {
  const words = wordsOf(value)
  if (words !== undefined) return words
  context.addIssue({ code: 'custom', message: 'has a quote that is not closed' })
  return z.NEVER
})
const words = z.union([line, list('words', text('a word'))], { error: 'must be a command line, or a list of words' })

const scalar = z
  .union([z.string(), z.number(), z.boolean()], { error: 'must be text, a number, true or false' })
  .transform(String)
const variableName = text('the name of a variable', /^[^=\0]+$/)
const pairs = list('NAME=value', text('NAME=value', /^[^=]+=/)).transform((items) =>
  Object.fromEntries(items.map((item) => [item.slice(0, item.indexOf('=')), item.slice(item.indexOf('=') + 1)])),
)
const environment = z.union([map('variables', variableName, scalar), pairs], {
  error: 'must be a map of variables, or a list of NAME=value',
})

export const conditions = ['service_started', 'service_healthy', 'service_completed_successfully'] as const

const serviceName = dnsLabel("a service's name")
const dependencies = z.union(
  [
    map(
      'services',
      serviceName,
      strict({ condition: z.enum(conditions, { error: `must be ${conditions.join(', ')}` }) }),
    ),
    list('services', serviceName).transform((names) =>
      Object.fromEntries(names.map((name) => [name, { condition: 'service_started' as const }])),
    ),
  ],
  { error: 'must be a list of services, or a map of them with conditions' },
)

const healthcheck = strict({
  test: z
    .union([text('a command line'), list('words', text('a word')).min(2, { error: 'must be [CMD, word, …]' })])
    .transform((value, context) => {
      if (typeof value === 'string') return ['/bin/sh', '-c', value]
      const [kind, ...rest] = value
      if (kind === 'CMD') return rest
      if (kind === 'CMD-SHELL' && rest.length === 1) return ['/bin/sh', '-c', rest[0] as string]
      context.addIssue({ code: 'custom', message: 'must begin with CMD, or be [CMD-SHELL, one line]' })
      return z.NEVER
    }),
  interval: milliseconds('1s', '1h').default(30_000),
  timeout: milliseconds('1s', '1h').default(30_000),
  retries: z.int({ error: 'must be a whole number' }).min(1, { error: 'must be 1 or more' }).default(3),
  start_period: milliseconds('0', '1h').default(0),
})

const port = z.union([z.int(), text('a port', /^(?:[\d.]+:)?(?:\d+:)?\d{1,5}(?:\/tcp)?$/)], {
  error: 'must be a TCP port, like 3306 or "3306:3306"',
})
const mount = text(
  'SOURCE:TARGET, SOURCE:TARGET:ro; SOURCE is a named volume, or a path that begins with . or /',
  /^[^:]+:\/[^:]*(?::(ro|rw))?$/,
)

/** How our programs watch a service: `x-shm-liveness`. */
const watching = strict({
  ready: z
    .enum(['notify', 'worker'], { error: 'must be notify (it speaks sd_notify) or worker (it beats by itself)' })
    .optional(),
  startWithin: milliseconds('1s', '1h').default(60_000),
  silenceBudget: duration('1s', '24h').optional(),
}).refine(({ ready, silenceBudget }) => ready === undefined || silenceBudget === undefined, {
  error:
    'cannot have both ready and silenceBudget: a service that is asked for its own beats is not watched for output',
})

const service = strict({
  image: text('an image', (value) => imageProblem(value) === undefined),
  command: words.optional(),
  entrypoint: words.optional(),
  environment: environment.default({}),
  depends_on: dependencies.default({}),
  healthcheck: healthcheck.optional(),
  working_dir: text('an absolute path', /^\//).optional(),
  user: text('a number, or two with a colon', /^\d+(:\d+)?$/).optional(),
  tmpfs: z
    .union([
      text('an absolute path', /^\//).transform((path) => [path]),
      list('paths', text('an absolute path', /^\//)),
    ])
    .default([]),
  volumes: list('mounts', mount).default([]),
  ports: list('ports', port).default([]),
  expose: list('ports', port).default([]),
  'x-shm-liveness': watching.optional(),
  build: refused('build and push the image first (buildkit-ci build), and name it by image'),
  env_file: refused('write the variables into environment'),
  networks: refused('all services of a pod share one network, and reach each other by name and by localhost'),
  network_mode: refused('all services of a pod share one network'),
  privileged: refused('tests must not own the node; run them in a Kata virtual machine if they need to'),
  restart: refused('a service that ends in the middle of a test is a failure that has to be seen'),
  container_name: refused('names are made, so that two runs can be side by side'),
  secrets: refused('give test credentials by environment, with $NAME'),
  configs: refused('put the file into the image, or mount it by volumes'),
  deploy: refused('one container of each service runs'),
  extends: refused('write the service out'),
  profiles: refused('leave out what is not needed: only the tests and what they depend on is started'),
  logging: refused('logs of services go to standard error'),
  links: refused('services reach each other by name'),
  extra_hosts: refused('services reach each other by name'),
  platform: refused('the node decides; run the tests of another platform on a node that has it, or emulates it'),
})

/** A compose file, as it is written. */
export const composeSchema = strict({
  name: dnsLabel("the project's name", 40).optional(),
  // Obsolete: compose ignores it, too.
  version: z.string().optional(),
  services: map('services', serviceName, service),
  volumes: map(
    'named volumes',
    dnsLabel("a volume's name"),
    z.union([z.null(), strict({})], { error: 'must be empty: a volume of tests has no driver and ends with them' }),
  ).default({}),
  networks: refused('all services of a pod share one network'),
  secrets: refused('give test credentials by environment, with $NAME'),
  configs: refused('put the file into the image, or mount it by volumes'),
  include: refused('write one file'),
})

export type WrittenService = z.output<typeof service>
