/** YAML that kubectl reads, though its lines are indented less than YAML wants. */
import { describe, expect, it } from 'vitest'
import { manifestsOf } from '../../lib/cli/yaml/documents.js'
import { shmLiveness } from '../support/command.js'

const valuesOf = (text: string): unknown[] => [...manifestsOf('test', text)].map(({ value }) => value)

/** What sigs.k8s.io/yaml makes of each text, and PyYAML, whose scanner is libyaml's. */
const cases: [what: string, text: string, value: unknown][] = [
  [
    "a text whose closing quote is at its parent's column",
    'm:\n  note: "one\n    two\n  "\n',
    { m: { note: 'one two ' } },
  ],
  ['a text whose closing quote is at the margin', 'm:\n  note: "one\n"\nb: 1\n', { m: { note: 'one ' }, b: 1 }],
  ['a text in single quotes that goes on at the margin', "a: 'one\ntwo'\nb: 1\n", { a: 'one two', b: 1 }],
  ['a text with an empty line and a mark that is none', 'a: "one\n\n---two"\n', { a: 'one\n---two' }],
  ['a list of such texts', 'l:\n- \'one\n\'\n- "two\n"\n', { l: ['one ', 'two '] }],
  ['a flow list that ends at the margin', 'm:\n  l: [\n1,\n  2\n]\nb: 1\n', { m: { l: [1, 2] }, b: 1 }],
  [
    'a flow map whose keys are at the margin',
    'm:\n  f: {\na: 1, # a comment\nb: {c: 2}\n}\n',
    { m: { f: { a: 1, b: { c: 2 } } } },
  ],
]

describe('a manifest', () => {
  it.each(cases)('with %s is read as kubectl reads it', (_what, text, value) => {
    expect(valuesOf(text)).toEqual([value])
    expect(valuesOf(`${text}---\na: 1\n`)).toEqual([value, { a: 1 }])
    expect(valuesOf(text.replaceAll('\n', '\r\n'))).toEqual([value])
  })

  it.each(cases)('with %s is wired, and the rest keeps every byte', async (_what, text) => {
    const annotations = text.replace(/^/gm, '    ').replace(/^ +$/gm, '')
    const pod = `kind: Pod\nmetadata:\n  annotations:\n${annotations}spec:\n  containers:\n  - name: camera\n`
    const margin = `${text}kind: Pod\nspec:\n  containers:\n  - name: camera\n`
    for (const input of [pod, margin]) {
      const { code, stdout } = await shmLiveness(['wire'], input)
      expect(code).toBe(0)
      expect(stdout.startsWith(input.slice(0, input.indexOf('spec:')))).toBe(true)
      expect(stdout).toContain('livenessProbe:')
      expect((await shmLiveness(['wire'], stdout)).stdout).toBe(stdout)
    }
  })

  it.each([
    ['a text that does not end', 'a: "one\nb: 1\n', 'Missing closing "quote'],
    ['a text that does not end before the next document', 'a: "one\n---\nb: "\n', 'Missing closing "quote'],
    ['a list that does not end before the next document', 'a: [1,\n---\nb: 1\n', 'no valid YAML'],
    ['a plain text that goes on at the margin', 'm:\n  a: one\n  two\n', 'no valid YAML'],
  ])('with %s is not read, as by kubectl', (_what, text, reason) => {
    expect(() => valuesOf(text)).toThrow(reason)
  })
})
