import { z } from 'zod'

/** A part of a JSON Schema, as far as it is walked through here. */
interface Part {
  description?: string
  properties?: Record<string, Part>
  additionalProperties?: Part | boolean
  items?: Part
  anyOf?: Part[]
  [keyword: string]: unknown
}

/** What describes a file's keys: rows of tables, each with a key and what it is. */
export interface Described {
  schema: z.ZodType
  title: string
  docs: string
  /** Where the keys of a table are: those of its n-th table are below the n-th of these. */
  prefixes: string[]
}

/**
 * The JSON Schema of a file, for editors: from the schema that the file is read by, with what its document says of each key.
 *
 * @param markdown the text of `docs`
 */
export function describedSchema({ schema, title, docs, prefixes }: Described, markdown: string): object {
  // Draft 7 is what editors' YAML servers know best. What a check alone decides is left to the runner.
  const made = z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'any' }) as Part
  for (const { key, text } of keysOf(markdown, prefixes)) {
    const parts = partsAt(made, stepsOf(key))
    if (parts.length === 0) throw new Error(`docs/${docs} has the key ${key}, and the schema does not`)
    for (const part of parts) part.description = text
  }
  return { ...made, title }
}

/** The keys of a document's tables, and what is said of each. */
function keysOf(markdown: string, prefixes: readonly string[]): { key: string; text: string }[] {
  const tables = markdown.split(/^\| key \|.*\n\|[-|]+\n/m).slice(1, prefixes.length + 1)
  return tables.flatMap((table, index) => {
    let last = ''
    const lines = table.split('\n')
    const end = lines.findIndex((line) => !line.startsWith('| '))
    return lines.slice(0, end).map((line) => {
      const [, key = '', text = ''] = line.split('|').map((cell) => cell.trim())
      last = text === 'the same' ? last : text
      return { key: `${prefixes[index]}${key.replaceAll('`', '')}`, text: last.replaceAll('`', '') }
    })
  })
}

/** `steps[].name`, `environment.<NAME>`: names, `[]` and `<>`. */
function stepsOf(key: string): string[] {
  return key
    .split('.')
    .flatMap((name) => (name.endsWith('[]') ? [name.slice(0, -2), '[]'] : [name.startsWith('<') ? '<>' : name]))
}

function partsAt(part: Part, [step, ...rest]: readonly string[]): Part[] {
  if (step === undefined) return [part]
  const inner = (part.anyOf ?? []).flatMap((branch) => partsAt(branch, [step, ...rest]))
  const next = nextOf(part, step)
  return next === undefined ? inner : [...inner, ...partsAt(next, rest)]
}

function nextOf({ properties, additionalProperties, items }: Part, step: string): Part | undefined {
  if (step === '[]') return items
  if (step === '<>') return typeof additionalProperties === 'object' ? additionalProperties : undefined
  return properties?.[step]
}
