import { z } from 'zod'
import { reservedForExecutors } from './annotations.js'
import { imageProblem } from './image-name.js'
import {
  annotationValue,
  dnsLabel,
  dnsName,
  duration,
  list,
  map,
  metadataKey,
  strict,
  text,
  whole,
} from './schema-parts.js'
import { mostWordBytes, stepLimits, stepsJson } from './steps-json.js'

/** So that the names of its Jobs, and of their pods, fit what Kubernetes allows. */
export const mostIdCharacters = 50

const bytes = (value: string): number => Buffer.byteLength(value)

export const image = text('an image, like node:20').superRefine((value, context) => {
  const problem = imageProblem(value)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})

const word = text(`text of up to ${mostWordBytes} bytes, the longest that Linux passes to a program`, (value) => {
  return bytes(value) <= mostWordBytes
})

const stepName = text(
  `one line of 1 to ${stepLimits.nameBytes} bytes`,
  (value) => value !== '' && bytes(value) <= stepLimits.nameBytes && !/\p{Cc}/u.test(value),
)

const step = strict({
  name: stepName,
  argv: list('words: a program and its arguments', word)
    .min(1, { error: 'names no program' })
    .max(stepLimits.words, { error: `has more than ${stepLimits.words} words` })
    .refine(([program]) => program !== '', { error: 'names no program' })
    .optional(),
  shell: word.refine((line) => line.trim() !== '', { error: 'is empty' }).optional(),
  silenceBudget: duration('1s', '24h').optional(),
  timeLimit: duration('1s', '168h').optional(),
})
  .superRefine(({ argv, shell }, context) => {
    if ((argv === undefined) === (shell === undefined)) {
      context.addIssue({ code: 'custom', message: 'has "argv" or "shell": one of them' })
    }
  })
  .meta({ oneOf: [{ required: ['argv'] }, { required: ['shell'] }] })

const steps = list('steps', step)
  .min(1, { error: 'has no step' })
  .max(stepLimits.steps, { error: `has more than ${stepLimits.steps} steps, the most that the guard takes` })
  .refine((value) => bytes(stepsJson(value)) <= stepLimits.fileBytes, {
    error: `is longer than ${stepLimits.fileBytes} bytes as JSON, the most that the guard takes; put scripts into the image`,
  })

const variableName = text(
  "a variable's name: A-Z a-z 0-9 and _, without a digit first, and not SHM_LIVENESS_…, which steer the guard",
  (value) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(value) && value.length <= 253 && !value.startsWith('SHM_LIVENESS_'),
)

const secretReference = strict({
  secret: dnsName("a Secret's name"),
  key: text('a key of that Secret: A-Z a-z 0-9 - _ and .', /^[-._A-Za-z0-9]{1,253}$/),
})

const value = z.union(
  [text('text, in quotes where YAML would read something else, or {secret, key}'), secretReference],
  {
    error: 'must be text, in quotes where YAML would read something else, or {secret, key}',
  },
)

const tierName = z.enum(['micro', 'low', 'high', 'turbo'], { error: 'must be micro, low, high or turbo' })

const tier = z
  .union(
    [
      tierName,
      strict({ cpu: tierName.default('low'), memory: tierName.default('low'), disk: tierName.default('low') }),
    ],
    {
      error: 'must be micro, low, high or turbo, or a map of cpu, memory and disk',
    },
  )
  .transform((value) => (typeof value === 'string' ? { cpu: value, memory: value, disk: value } : value))

const annotations = map('annotations', metadataKey(), annotationValue()).superRefine((value, context) => {
  for (const key of Object.keys(value)) {
    const problem = reservedForExecutors(key)
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [key], message: problem })
  }
})

export const buildSchema = strict({
  id: dnsLabel("the build's id", mostIdCharacters),
  image,
  steps,
  environment: map('variables', variableName, value).default({}),
  secretEnvironment: list('names of variables', variableName).default([]),
  tier: tier.default({ cpu: 'low', memory: 'low', disk: 'low' }),
  annotations: annotations.default({}),
  timeout: whole('minutes', 1, 10_080).optional(),
  runtimeClass: dnsName("a RuntimeClass's name").optional(),
  user: whole('', 0, 2 ** 31 - 1).default(1000),
  queue: dnsName("a LocalQueue's name").optional(),
}).superRefine(({ environment, secretEnvironment }, context) => {
  for (const [index, name] of secretEnvironment.entries()) {
    if (Object.hasOwn(environment, name) || secretEnvironment.indexOf(name) !== index) {
      context.addIssue({
        code: 'custom',
        path: ['secretEnvironment', index],
        message: 'names a variable that is there already',
      })
    }
  }
})
