/** The kinds of values that both files have, each with what is said of one that does not fit. */
import { z } from 'zod'
import { didYouMean } from './did-you-mean.js'
import { durationMs } from './durations.js'

/** A map of these keys and no others. `validate.ts` puts each line of its message to its key. */
export function strict<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  what = 'a map',
): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape)
  const unknownKey = (key: string): string => {
    const guess = didYouMean(key, known)
    return `unknown key${guess === '' ? `; there are ${known.join(', ')}` : guess}`
  }
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? ((issue as z.core.$ZodRawIssue<z.core.$ZodIssueUnrecognizedKeys>).keys ?? []).map(unknownKey).join('\n')
        : `must be ${what}`,
  })
}

/** Text that fits; NUL and half a surrogate pair fit nowhere: no argument, file or API object can hold them. */
export function text(what: string, fits: RegExp | ((value: string) => boolean) = () => true) {
  const error = `must be ${what}`
  const isPattern = fits instanceof RegExp
  const matches = isPattern ? (value: string) => fits.test(value) : fits
  return (
    z
      .string({ error })
      .refine((value) => !/\0|\p{Surrogate}/u.test(value), {
        error: 'holds a NUL, or half a surrogate pair',
        abort: true,
      })
      .refine(matches, { error })
      // For editors: `json-schemas.ts`.
      .meta({ description: what, ...(isPattern ? { pattern: fits.source } : {}) })
  )
}

export function flag() {
  return z.boolean({ error: 'must be true or false' })
}

export function whole(unit: string, least: number, most: number) {
  const error = `must be a whole number${unit === '' ? '' : ` of ${unit}`} from ${least} to ${most}`
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error })
}

/** A number, also as text: the article writes `"0.5"`. */
export function amount(unit: string, least: number, most: number) {
  const error = `must be a number of ${unit} from ${least} to ${most}`
  return z
    .union([z.number({ error }), z.string({ error }).regex(/^\d{1,6}(\.\d{1,6})?$/, { error })], { error })
    .transform(Number)
    .refine((value) => value >= least && value <= most, { error })
}

/** A duration with its unit. Plain numbers are refused: seconds, minutes and milliseconds all have their friends. */
export function duration(least: string, most: string) {
  const [leastMs, mostMs] = [durationMs(least) ?? 0, durationMs(most) ?? 0]
  const fits = (value: string): boolean => {
    const ms = durationMs(value)
    return ms !== undefined && ms >= leastMs && ms <= mostMs
  }
  return text(`a duration with its unit, like 90s or 1h30m, from ${least} to ${most}`, fits)
}

export function list<Item extends z.ZodType>(what: string, item: Item) {
  return z.array(item, { error: `must be a list of ${what}` })
}

export function map<Key extends z.ZodString | z.ZodType<string, string>, Value extends z.ZodType>(
  what: string,
  key: Key,
  value: Value,
) {
  return z.record(key, value, { error: `must be a map of ${what}` })
}

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const qualifiedName = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/

/** RFC 1123, as the API server's `IsDNS1123Label`. */
export function dnsLabel(what: string, mostCharacters = 63) {
  const fits = (value: string): boolean => value.length <= mostCharacters && label.test(value)
  return text(`${what}: up to ${mostCharacters} of a-z 0-9 and -, with a letter or digit at both ends`, fits)
}

/** RFC 1123, as the API server's `IsDNS1123Subdomain`. */
export function dnsName(what: string) {
  const fits = (value: string): boolean => value.length <= 253 && subdomain.test(value)
  return text(`${what}: a-z 0-9 - and dots, with a letter or digit at both ends`, fits)
}

/** A key of labels and annotations, as the API server's `IsQualifiedName`. */
export function metadataKey() {
  return text("a label's or annotation's key, like example.com/name", (key) => {
    const slash = key.lastIndexOf('/')
    const [prefix, name] = slash < 0 ? [undefined, key] : [key.slice(0, slash), key.slice(slash + 1)]
    const isPrefix = prefix === undefined || (prefix.length <= 253 && subdomain.test(prefix))
    return isPrefix && name.length <= 63 && qualifiedName.test(name)
  })
}

/** A label's value, as the API server's `IsValidLabelValue`. */
export function labelValue() {
  const fits = (value: string): boolean => value.length <= 63 && (value === '' || qualifiedName.test(value))
  return text("a label's value: up to 63 of A-Z a-z 0-9 - _ and ., in quotes where YAML would read a number", fits)
}

export function annotationValue() {
  return text('text; put numbers, true and false in quotes')
}

/**
 * A regular expression that is looked for anywhere in an image's name, without regard to case: what Screwdriver's
 * executor-router does with its exclusions (`new RegExp(item, 'gi')`, `container.match`).
 */
export function imagePattern() {
  return text('a regular expression that is not empty', (value) => value !== '').transform((value, context) => {
    try {
      return new RegExp(value, 'i')
    } catch (error) {
      const { message } = error as Error
      const hint = value.includes('*') ? '; it is looked for anywhere in the image, and needs no * around it' : ''
      context.addIssue({ code: 'custom', message: `is no regular expression: ${message}${hint}` })
      return z.NEVER
    }
  })
}
