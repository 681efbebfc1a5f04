import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { jsonSchemas } from '../../../examples/kata-build-runner/config/json-schemas.js'
import { sampleOf } from './samples.js'

const schemas = jsonSchemas((docs) => sampleOf(`docs/${docs}`))

/** zod reads all of a schema but a `oneOf` that only requires: each branch takes everything there. */
function readerOf(file: string) {
  const withoutChoice = (key: string, value: unknown) => (key === 'oneOf' ? undefined : value)
  return z.fromJSONSchema(JSON.parse(sampleOf(file), withoutChoice))
}

describe.each(['build', 'executor'])('%s.schema.json', (name) => {
  const file = `${name}.schema.json`
  const yaml = `${name}.yaml`
  const reader = readerOf(file)
  const isValid = (value: unknown) => reader.safeParse(value).success

  it('is what the schemas and the documents say: `npm run schemas` writes it anew', () => {
    expect(JSON.parse(sampleOf(file))).toEqual(JSON.parse(JSON.stringify(schemas[file])))
  })

  it('is named at the top of the sample, which is valid by it', () => {
    expect(sampleOf(yaml).split('\n')[0]).toBe(`# yaml-language-server: $schema=./${file}`)
    expect(reader.safeParse(parse(sampleOf(yaml))).error).toBeUndefined()
  })

  it('finds a key that is not there, and one of the wrong type', () => {
    const sample = parse(sampleOf(yaml)) as Record<string, unknown>
    expect(isValid({ ...sample, imgae: 'x' })).toBe(false)
    expect(isValid({ ...sample, id: 7, executor: { k8s: { weightage: 'much' } } })).toBe(false)
  })

  it('says of every key of the document what it is', () => {
    expect(sampleOf(file).match(/"description"/g)!.length).toBeGreaterThan(20)
  })
})

describe('build.schema.json', () => {
  it('wants an argv or a shell line of each step', () => {
    const { properties } = JSON.parse(sampleOf('build.schema.json'))
    expect(properties.steps.items).toMatchObject({
      required: ['name'],
      oneOf: [{ required: ['argv'] }, { required: ['shell'] }],
      additionalProperties: false,
    })
  })
})
