/** The kinds of values that ci.yaml has beside those of the build runner's files. */
import { isIP } from 'node:net'
import { z } from 'zod'
import { durationMs } from '../../kata-build-runner/config/durations.js'
import {
  amount,
  duration,
  labelValue,
  list,
  metadataKey,
  strict,
  text,
} from '../../kata-build-runner/config/schema-parts.js'

/** A size as Kubernetes writes it, and its bytes. */
export interface Size {
  text: string
  bytes: number
}

/** A duration as it was written, which the guard, BuildKit and the registries read alike, and its milliseconds. */
export interface Span {
  text: string
  ms: number
}

const unitBytes: Record<string, number> = { Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 }
const sizePattern = /^([1-9]\d{0,6})(Mi|Gi|Ti)$/

function sizeOf(value: string): Size {
  const [, count = '', unit = ''] = sizePattern.exec(value) ?? []
  return { text: value, bytes: Number(count) * (unitBytes[unit] ?? Number.NaN) }
}

export function size(least: string, most: string) {
  const fits = (value: string): boolean => {
    const { bytes } = sizeOf(value)
    return bytes >= sizeOf(least).bytes && bytes <= sizeOf(most).bytes
  }
  return text(`a size in Mi, Gi or Ti, like 200Gi, from ${least} to ${most}`, fits).transform(sizeOf)
}

export function span(least: string, most: string) {
  return duration(least, most).transform((value): Span => ({ text: value, ms: durationMs(value) ?? 0 }))
}

/** Percent of a size, without the sign. */
export function percent(least: number, most: number) {
  const error = `must be a whole number of percent from ${least} to ${most}`
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error })
}

export function cpu() {
  return amount('cores', 0.1, 1024)
}

export function oneOf<const Names extends readonly [string, ...string[]]>(...names: Names) {
  const last = names.at(-1) ?? ''
  return z.enum(names, {
    error: `must be ${[names.slice(0, -1).join(', '), last].filter((part) => part !== '').join(' or ')}`,
  })
}

/** As the API has them: with `Exists` no value. */
export const tolerations = list(
  'tolerations',
  strict({
    key: metadataKey().optional(),
    operator: oneOf('Equal', 'Exists').default('Equal'),
    value: labelValue().optional(),
    effect: oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute').optional(),
  }).superRefine(({ operator, value, key }, context) => {
    const refuse = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message })
    if (operator === 'Exists' && value !== undefined)
      refuse('value', 'has no meaning with operator Exists; leave it out')
    if (operator === 'Equal' && key === undefined) refuse('key', 'is missing; write one, or operator: Exists')
  }),
)

const networkPattern = /^([0-9A-Fa-f.:]+)\/(0|[1-9]\d{0,2})$/

/** As the API server reads it (`ValidateIPBlock`), which refuses the whole NetworkPolicy for one of another form. */
function isNetwork(value: string): boolean {
  const [, address = '', prefix = ''] = networkPattern.exec(value) ?? []
  const version = isIP(address)
  return version !== 0 && Number(prefix) <= (version === 4 ? 32 : 128)
}

/** @param example shown with the refusal */
export function networks(example: string) {
  const what = `an IPv4 network with a prefix up to /32 or an IPv6 network with one up to /128, like ${example}`
  // The pattern is for editors.
  return list('networks', text(what, isNetwork).meta({ description: what, pattern: networkPattern.source }))
}

/** Five fields of a CronJob's schedule; the API server checks what is in them. */
export const schedule = text('a schedule of five fields, like "17 3 * * *"', /^[\d*,/A-Za-z-]+( [\d*,/A-Za-z-]+){4}$/)
