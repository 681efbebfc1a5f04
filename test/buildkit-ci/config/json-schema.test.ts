import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { ciSchema } from '../../../examples/buildkit-ci/config/ci-schema.js'
import { ciJsonSchema } from '../../../examples/buildkit-ci/config/json-schema.js'
import { readConfig } from '../../../examples/buildkit-ci/config/read-config.js'
import { fileOf } from './samples.js'

interface Node {
  type?: string
  properties?: Record<string, Node>
  additionalProperties?: Node | boolean
  items?: Node
  anyOf?: Node[]
  minimum?: number
  maximum?: number
  default?: unknown
  required?: string[]
}

const document = fileOf('docs/config.md')
const reader = z.fromJSONSchema(JSON.parse(fileOf('ci.schema.json')))
const sample = parse(fileOf('ci.yaml')) as Record<string, unknown>

/** Of every key that holds a value of its own, as the document names it. */
function keysOf(node: Node, path: string, isRequired = false): [string, Node & { isRequired: boolean }][] {
  const { properties, additionalProperties, items } = node
  const open = path === 'agents' ? '<name>' : '<host>'
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([name, inner]) =>
      keysOf(inner, path === '' ? name : `${path}.${name}`, node.required?.includes(name)),
    )
  }
  if (typeof additionalProperties === 'object' && additionalProperties.properties !== undefined) {
    return keysOf(additionalProperties, `${path}.${open}`)
  }
  if (items?.properties !== undefined) return keysOf(items, `${path}[]`)
  return [[path, { ...node, isRequired }]]
}

const rows = [...document.matchAll(/^\| `([^`]+)` \| (.*) \| ?(.*?) ?\|$/gm)].map(
  ([, key = '', what = '', usual = '']) => ({
    ...{ key, what, usual },
  }),
)
const schema = z.toJSONSchema(ciSchema, { io: 'input', unrepresentable: 'any' }) as Node
// A policy is described in the document of the registries, which has its keys.
const keys = new Map(keysOf(schema, '').filter(([path]) => !path.includes('.policy.') && !path.includes('].policy.')))
const policies = ['localRegistry.policy', 'cleanup.registries[].policy']

describe('ci.schema.json', () => {
  it('is what the schema and the document say: `npm run schemas` writes it anew', () => {
    expect(JSON.parse(fileOf('ci.schema.json'))).toEqual(JSON.parse(JSON.stringify(ciJsonSchema(document))))
  })

  it('is named at the top of the sample, which is valid by it, and by the reader', () => {
    expect(fileOf('ci.yaml').split('\n')[0]).toBe('# yaml-language-server: $schema=./ci.schema.json')
    expect(reader.safeParse(sample).error).toBeUndefined()
    expect(readConfig(fileOf('ci.yaml'), 'ci.yaml').daemon.shards).toBe(3)
  })

  it('finds a key that is not there, and one of the wrong type', () => {
    expect(reader.safeParse({ ...sample, demon: {} }).success).toBe(false)
    expect(reader.safeParse({ ...sample, daemon: { shards: 'three' } }).success).toBe(false)
  })
})

describe('docs/config.md', () => {
  it('has every key of the schema, and no other', () => {
    const written = rows.map(({ key }) => key).filter((key) => !policies.includes(key))
    expect(written.sort()).toEqual([...keys.keys()].sort())
  })

  it('says what is required, the defaults, and the range of every whole number', () => {
    for (const { key, what, usual } of rows) {
      const node = keys.get(key)
      if (node === undefined) continue
      const text = typeof node.default === 'string' ? node.default : JSON.stringify(node.default)
      expect([key, usual]).toEqual([
        key,
        node.isRequired ? 'required' : node.default === undefined || key.includes('[]') ? '' : `\`${text}\``,
      ])
      if (node.type === 'integer' && !what.includes('as of the daemon')) {
        expect([key, what]).toEqual([key, expect.stringContaining(`from ${node.minimum} to ${node.maximum}`)])
      }
    }
  })
})
