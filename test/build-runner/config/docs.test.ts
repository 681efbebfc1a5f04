import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { buildSchema } from '../../../examples/kata-build-runner/config/build-schema.js'
import { executorConfigSchema } from '../../../examples/kata-build-runner/config/executor-schema.js'
import { mostWordBytes, stepLimits } from '../../../examples/kata-build-runner/config/steps-json.js'
import { build, config, sampleOf } from './samples.js'

interface Node {
  type?: string
  properties?: Record<string, Node>
  additionalProperties?: Node | boolean
  propertyNames?: unknown
  items?: Node
  anyOf?: Node[]
  minimum?: number
  maximum?: number
  default?: unknown
  required?: string[]
}

interface Key {
  node: Node
  isRequired: boolean
}

const nodeOf = (schema: z.ZodType): Node => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Node

/** Every key that can be written, by its path; `open` is what a key of the file's own choice is called. */
function keysOf(node: Node, open: string, path = '', isRequired = false): [string, Key][] {
  const own: [string, Key][] = path === '' ? [] : [[path, { node, isRequired }]]
  const under = (name: string): string => (path === '' ? name : `${path}.${name}`)
  const branches = (node.anyOf ?? []).filter(({ properties }) => properties !== undefined)
  const named = [node, ...branches].flatMap(({ properties = {}, required = [] }) =>
    Object.entries(properties).flatMap(([name, inner]) => keysOf(inner, open, under(name), required.includes(name))),
  )
  const isOpen = typeof node.additionalProperties === 'object' && hasKeys(node.additionalProperties)
  const opened = isOpen ? keysOf(node.additionalProperties as Node, open, under(open)) : []
  const items = node.items !== undefined && hasKeys(node.items) ? keysOf(node.items, open, `${path}[]`) : []
  return [...own, ...named, ...opened, ...items]
}

function hasKeys({ properties, anyOf = [] }: Node): boolean {
  return properties !== undefined || anyOf.some((branch) => branch.properties !== undefined)
}

/** Maps whose own keys are in the table, and what is only a path to them. */
function isPart(path: string, all: readonly string[]): boolean {
  return all.some((other) => other.startsWith(`${path}.`) || other.startsWith(`${path}[`))
}

interface Row {
  what: string
  default: string
}

function rowsOf(text: string, prefix = ''): Map<string, Row> {
  const rows = [...text.matchAll(/^\| `([^`]+)` \| (.*?) \| ?(.*?) ?\|/gm)]
  return new Map(rows.map(([, key, what = '', byDefault = '']) => [`${prefix}${key}`, { what, default: byDefault }]))
}

const executorText = sampleOf('docs/executor-config.md')
const [top = '', inner = ''] = executorText.split('`<name>.options.kubernetes`:')
const executorRows = new Map([...rowsOf(top), ...rowsOf(inner, '<name>.options.kubernetes.')])
const executorBlock = nodeOf(executorConfigSchema).properties?.['executor'] as Node
const executorKeys = new Map(keysOf(executorBlock, '<name>'))

const buildText = sampleOf('docs/build-file.md')
const buildRows = rowsOf(buildText)
const buildKeys = new Map(keysOf(nodeOf(buildSchema), '<NAME>'))

/** The parsed value at a path of the table. */
function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inside, key) => (inside as Record<string, unknown> | undefined)?.[key], value)
}

const shown = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``

describe.each<[string, Map<string, Row>, Map<string, Key>, string[]]>([
  ['docs/executor-config.md', executorRows, executorKeys, []],
  // A value or one of its keys can be written, so both are in the table.
  ['docs/build-file.md', buildRows, buildKeys, ['steps', 'tier', 'environment.<NAME>']],
])('%s', (_, rows, keys, alsoWhole) => {
  it('has every key of the schema, and no other', () => {
    const paths = [...keys.keys()]
    const wanted = paths.filter((path) => alsoWhole.includes(path) || !isPart(path, paths))
    expect([...rows.keys()].sort()).toEqual(wanted.sort())
  })

  it('says what is required, and the defaults', () => {
    for (const [path, { what: _what, default: said }] of rows) {
      const { node, isRequired } = keys.get(path) as Key
      const isInSteps = /\[\]\./.test(path)
      expect([path, said === 'required']).toEqual([path, isRequired && !path.startsWith('environment')])
      if (node.default !== undefined && !alsoWhole.includes(path))
        expect([path, said]).toEqual([path, shown(node.default)])
      if (isInSteps && !isRequired) expect([path, said]).not.toEqual([path, expect.stringContaining('`')])
    }
  })

  it('says the range of every whole number', () => {
    for (const [path, { what }] of rows) {
      const { minimum, maximum, type } = keys.get(path)?.node ?? {}
      if (type === 'integer')
        expect([path, what]).toEqual([path, expect.stringContaining(`from ${minimum} to ${maximum}`)])
    }
  })
})

describe('what the documents say beside the schema', () => {
  it('are the tiers as they are read', () => {
    const { kubernetes } = config().executors.get('k8s') ?? ({} as never)
    for (const [path, row] of rowsOf(inner)) {
      if (path.startsWith('resources.')) expect([path, row.default]).toEqual([path, shown(at(kubernetes, path))])
    }
  })

  it('are the tiers of a build that names none', () => {
    for (const [path, row] of buildRows) {
      if (path.startsWith('tier.')) expect([path, row.default]).toEqual([path, shown(at(build(), path))])
    }
    expect(build().tier).toEqual(build(`tier: ${buildRows.get('tier')?.default.replaceAll('`', '')}`).tier)
  })

  it("are the guard's limits", () => {
    expect(buildRows.get('steps')?.what).toContain(`to ${stepLimits.steps}`)
    expect(buildRows.get('steps')?.what).toContain(`${stepLimits.fileBytes} bytes`)
    expect(buildRows.get('steps[].name')?.what).toContain(`${stepLimits.nameBytes} bytes`)
    expect(buildRows.get('steps[].argv')?.what).toContain(
      `${stepLimits.words} words, each up to ${mostWordBytes} bytes`,
    )
    expect(buildRows.get('steps[].shell')?.what).toContain(`up to ${mostWordBytes} bytes`)
  })

  it('are the ranges of what is no whole number', () => {
    const from = (value: string, text: string): void => expect(() => config(text.replace('X', value))).not.toThrow()
    const not = (value: string, text: string): void => expect(() => config(text.replace('X', value))).toThrow()
    const cases: [string, string, string, string][] = [
      ['<name>.options.kubernetes.resources.cpu.micro', '0.01', '1024', 'resources: {cpu: {micro: X}}'],
      ['<name>.options.kubernetes.resources.memory.micro', '0.0625', '24576', 'resources: {memory: {micro: X}}'],
      ['<name>.options.kubernetes.resources.disk.micro', '0.0625', '65536', 'resources: {disk: {micro: X}}'],
      ['<name>.options.kubernetes.stageTimeouts.created', '1s', '168h', 'stageTimeouts: {created: X}'],
      ['<name>.options.kubernetes.terminationGracePeriod', '10s', '10m', 'terminationGracePeriod: X'],
    ]
    for (const [path, least, most, key] of cases) {
      expect(executorRows.get(path)?.what).toContain(`from ${least} to ${most}`)
      const text = `executor: {k8s: {options: {kubernetes: {${key}}}}}`
      from(least, text)
      from(most, text)
      not(
        least.replace(/\d(?=\D*$)/, (digit) => String(Number(digit) - 1)),
        text,
      )
      not(
        most.replace(/\d(?=\D*$)/, (digit) => String(Number(digit) + 1)),
        text,
      )
    }
  })
})
