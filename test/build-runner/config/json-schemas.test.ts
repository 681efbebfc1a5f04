import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { jsonSchemas } from '../../../examples/kata-build-runner/config/json-schemas.js'
import { sampleOf } from './samples.js'

const schemas = jsonSchemas((docs) => sampleOf(`docs/${docs}`))

describe.each(['build', 'executor'])('%s.schema.json', (name) => {
  const file = `${name}.schema.json`
  const yaml = `${name}.yaml`
  const reader = z.fromJSONSchema(JSON.parse(sampleOf(file)))
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
  const reader = z.fromJSONSchema(JSON.parse(sampleOf('build.schema.json')))

  it('wants an argv or a shell line of each step', () => {
    const build = (step: object) => ({ id: 'a', image: 'node:20', steps: [{ name: 'x', ...step }] })
    expect(reader.safeParse(build({ shell: 'x' })).success).toBe(true)
    expect(reader.safeParse(build({ shell: 'x', argv: ['x'] })).success).toBe(false)
    expect(reader.safeParse(build({})).success).toBe(false)
  })
})
