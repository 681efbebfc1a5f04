/** What wiring does to JSON: it stays JSON, and all that need not change stays as it was. */
import fc from 'fast-check'
import { wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { wireSources } from '../../lib/cli/wire-sources.js'
import type { WireOptions } from '../../lib/kubernetes/index.js'

function wiredText(text: string, options: WireOptions = {}): string {
  return wireSources([{ name: 'test', file: undefined, text }], options, false).sources[0]!.text
}

/** Wires as the library does, and changes nothing the second time. */
function expectWired(text: string, options: WireOptions = {}): string {
  const wired = wiredText(text, options)
  expect(JSON.parse(wired)).toEqual(JSON.parse(JSON.stringify(wire(JSON.parse(text), options))))
  expect(wiredText(wired, options)).toBe(wired)
  return wired
}

/** On one line, with blanks, as Python writes it. */
const spaced = (value: unknown) =>
  JSON.stringify(value, null, 1).replace(/(,?)\n */g, (_, comma) => (comma ? ', ' : ''))

describe('JSON', () => {
  const value = { kind: 'Pod', spec: { containers: [{ name: 'camera' }] } }

  it.each([undefined, 2, 4, '\t'])('stays JSON, indented by %j', (indent) => {
    const text = `${JSON.stringify(value, null, indent)}\n`
    expect(expectWired(text)).toBe(`${JSON.stringify(wire(value), null, indent)}\n`)
  })

  it('stays on one line, with the blanks that it has', () => {
    expect(expectWired(spaced(value))).toBe(spaced(wire(value)))
  })

  it('keeps Windows line ends', () => {
    const windows = (object: object) => JSON.stringify(object, null, 2).replaceAll('\n', '\r\n')
    expect(expectWired(windows(value))).toBe(windows(wire(value)))
  })

  it('may be one document of a stream', () => {
    const wired = wiredText(`${JSON.stringify(value)}\n---\nkind: Pod\nspec:\n  containers: [{name: b}]\n`)
    expect(wired.startsWith(`${JSON.stringify(wire(value))}\n---\n`)).toBe(true)
  })

  it('keeps numbers that JavaScript has not, escapes, the order of keys, and what is on one line', () => {
    const kept = [
      '"big": 12345678901234567890, "small": -9007199254740993, "exact": 0.12345678901234567890123, "one": 1.0, "e": 1E+2',
      '"text": "\\u00e9\\/\\ud83d\\ude00"',
      '"b": 1, "10": 2, "9": [ 1,2,  3 ]',
    ]
    const text = `{
  "kind": "Pod",
  "metadata": { "name": "p", ${kept[0]} },
  "spec": {
    "x": {${kept[1]}},
    "volumes": [],
    "containers": [
      {"name": "camera", "env": [ ], "livenessProbe": null, ${kept[2]}}
    ]
  }
}
`
    const wired = expectWired(text)
    for (const part of kept) expect(wired).toContain(part)
    expect(wired).toContain('    "volumes": [\n      {\n        "name": "shm-liveness",\n')
    const lines = wired.split('\n')
    for (const line of text.split('\n').filter((each) => !/camera|volumes|\]$/.test(each)))
      expect(lines).toContain(line)
  })

  it('that only YAML would read is YAML, and stays so', () => {
    const wired = wiredText('{"kind": Pod, "spec": {"containers": [{"name": camera},]}}\n')
    expect(wired).toContain('"kind": Pod')
    expect(wired).toContain('livenessProbe: {')
  })
})

const anyJson = fc
  .record({
    before: fc.jsonValue({ maxDepth: 3 }),
    after: fc.jsonValue({ maxDepth: 3 }),
    // Lists and probes that are there, in part or as null.
    camera: fc.record(
      {
        args: fc.array(fc.string(), { maxLength: 2 }),
        env: fc.constantFrom([], null, [{ name: 'A', value: '1' }]),
        livenessProbe: fc.constantFrom(null, { exec: { command: ['cat', '/tmp/a'] } }),
        volumeMounts: fc.constantFrom([], [{ name: 'data', mountPath: '/data' }]),
      },
      { requiredKeys: [] },
    ),
    spec: fc.record(
      { volumes: fc.constantFrom([], null, [{ name: 'data' }]), initContainers: fc.constantFrom([], [{ name: 'a' }]) },
      { requiredKeys: [] },
    ),
    layout: fc.constantFrom<(value: unknown) => string>(
      JSON.stringify,
      spaced,
      (value) => JSON.stringify(value, null, 2),
      (value) => JSON.stringify(value, null, '\t'),
      (value) => `${JSON.stringify(value, null, 1).replaceAll('\n', '\r\n')}\r\n`,
    ),
  })
  .map(({ before, after, camera, spec, layout }) => {
    const big = { 'x-big': 'BIG' }
    const containers = [{ name: 'camera', 'x-before': before, ...camera, 'x-after': after }]
    return layout({ kind: 'Pod', spec: { ...big, ...spec, containers } }).replace('"BIG"', '12345678901234567890')
  })

describe('any JSON', () => {
  it('is wired as the library wires its value, as JSON, in its layout', () => {
    const options: WireOptions = { via: 'httpGet', command: ['camera', '"\n'], replace: true }
    fc.assert(
      fc.property(anyJson, (text) => {
        const wired = expectWired(text, options)
        expect(wired).toMatch(/\b12345678901234567890\b/)
        const lineEnds = (each: string) => new Set(each.match(/\r?\n/g))
        expect(lineEnds(wired)).toEqual(lineEnds(text))
      }),
      { numRuns: 200 },
    )
  })
})
