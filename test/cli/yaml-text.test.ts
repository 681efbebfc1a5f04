/** What wiring does to the text of a manifest: all that need not change stays as it was. */
import fc from 'fast-check'
import { wire } from 'shm-liveness/kubernetes'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { wireSources } from '../../lib/cli/wire-sources.js'
import { manifestsOf } from '../../lib/cli/yaml/documents.js'
import type { WireOptions } from '../../lib/kubernetes/index.js'

function wiredText(text: string, options: WireOptions = {}): string {
  return wireSources([{ name: 'test', file: undefined, text }], options, false).sources[0]!.text
}

function valuesOf(text: string): unknown[] {
  return [...manifestsOf('test', text)].map(({ value }) => value)
}

/** The lines of the text, in their order, and others among them. */
function expectLinesKept(text: string, wired: string): void {
  const lines = wired.split('\n')
  let at = 0
  for (const line of text.split('\n')) {
    const found = lines.indexOf(line, at)
    expect([line, found >= at]).toEqual([line, true])
    at = found + 1
  }
}

/** Wires as the library does, keeps all lines, and changes nothing the second time. */
function expectWired(text: string, options: WireOptions = {}): string {
  const wired = wiredText(text, options)
  expect(valuesOf(wired)).toEqual(valuesOf(text).map((value) => wire(value as object, options)))
  expect(wiredText(wired, options)).toBe(wired)
  return wired
}

const texts: Record<string, string> = {
  'comments everywhere': `# a
kind: Pod # b
# c
spec: # d
  # e
  containers: # f
    # g
    - name: camera # h
      # i
      image: camera:1 # j
      # k
    # l
  # m
# n
`,
  'no line end at the end': 'kind: Pod\nspec:\n  containers:\n  - name: camera',
  'a byte order mark': '\uFEFFkind: Pod\nspec:\n  containers:\n  - name: camera\n',
  'blank lines and blanks at line ends': 'kind: Pod\n\nspec:  \n\n  containers:\n\n  - name: camera   \n\n\n\n',
  'a document start and end': '%YAML 1.1\n---\nkind: Pod\nspec:\n  containers:\n  - name: camera\n...\n',
  'texts over several lines': `kind: Pod
spec:
  containers:
  - name: camera
    image: "camera
      :1"
    command: [sh, -c, 'a

      b']
    args:
    - |+
      one

    - >-
      two
      three


`,
  'a block text at the very end': 'kind: Pod\nspec:\n  containers:\n  - name: camera\n    image: |-\n      camera:1',
  'a block text that keeps its line ends, at the end':
    'kind: Pod\nspec:\n  containers:\n  - name: camera\n    image: |+\n      camera:1\n\n\n',
  'values that YAML 1.1 and 1.2 read differently': `kind: Pod
spec:
  hostNetwork: no
  containers:
  - name: "on"
    env: [{name: A, value: yes}, {name: B, value: 0o17}, {name: C, value: 1_000}, {name: D, value: 1:30}]
    resources: {limits: {cpu: 1e3, memory: 0x10}}
  volumes: [{name: x, configMap: {name: 2001-12-14, defaultMode: 0644}}]
`,
  'empty lists and maps':
    'kind: Pod\nspec:\n  initContainers: []\n  containers:\n  - name: camera\n    env: []\n    volumeMounts: [ ]\n  volumes: []\n',
  'nothing for a value':
    'kind: Pod\nspec:\n  initContainers:\n  containers:\n  - name: camera\n    env:   # none\n    volumeMounts: ~\n    livenessProbe: null # none\n    startupProbe:\n  volumes: # none\n',
  'flow lists over several lines':
    'kind: Pod\nspec:\n  containers: [\n    # a\n    { name: camera, # b\n      env: [ # c\n      {name: A, value: a}, # d\n      ] },\n    # e\n  ]\n  volumes: [{name: a},\n  ]\n',
  'one line of flow': '{kind: Pod, spec: {containers: [{name: camera}]}}\n',
  'a flow pod without a value': 'kind: Pod\nspec: {containers: [{name: camera, livenessProbe: , env}]}\n',
  'keys in quotes': '"kind": Pod\n\'spec\':\n  "containers":\n  - "name": camera\n    \'env\':\n    - "name": A\n',
  'eight columns':
    'kind: Pod\nspec:\n        containers:\n                - name: camera\n                  image: a\n',
  'a merge key':
    'x: &x\n  image: camera:1\n  livenessProbe: null\nkind: Pod\nspec:\n  containers:\n  - <<: *x\n    name: camera\n',
  'an alias for a list':
    'kind: Pod\nx: &env [{name: A, value: a}]\nspec:\n  containers:\n  - name: camera\n    env: *env\n',
  'anchors that nothing shares':
    'kind: Pod\nspec: &spec\n  containers: &c\n  - &camera\n    name: camera\n    env: &env\n    - name: A\n',
}

describe('the text of a manifest', () => {
  it.each(Object.entries(texts))('with %s keeps its lines and is wired', (what, text) => {
    const mayChange = /flow|empty|nothing|alias|end at the end|very end|1\.1 and/.test(what)
    const wired = expectWired(text)
    if (!mayChange) expectLinesKept(text, wired)
    expectWired(text, { replace: true, region: 'yes' })
  })

  it('keeps its comments where they were', () => {
    const wired = expectWired(texts['comments everywhere']!)
    const order = [...wired.matchAll(/# ([a-z])$/gm)].map((match) => match[1])
    expect(order.join('')).toBe('abcdefghijklmn')
    expect(wired).toContain('      image: camera:1 # j\n      # k\n      env:\n')
  })

  it('keeps comments of lists and values that were empty', () => {
    for (const what of ['nothing for a value', 'flow lists over several lines'] as const) {
      const comments = (text: string) => text.match(/# .*/g)
      expect(comments(expectWired(texts[what]!))).toEqual(comments(texts[what]!))
    }
  })

  it('keeps the spelling of every value', () => {
    const wired = expectWired(texts['values that YAML 1.1 and 1.2 read differently']!)
    for (const part of [
      'hostNetwork: no\n',
      'value: yes}',
      'value: 0o17',
      '1_000',
      '1:30',
      '1e3',
      '0x10',
      '2001-12-14',
      '0644',
    ]) {
      expect(wired).toContain(part)
    }
    // The region goes by the container's name, which both must read as a text.
    expect(wired).toContain('value: "on"')
  })

  it('keeps Windows line ends', () => {
    const text = texts['comments everywhere']!.replaceAll('\n', '\r\n')
    const wired = expectWired(text)
    expect(wired.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    expect(wired.replaceAll('\r\n', '\n')).toBe(wiredText(texts['comments everywhere']!))
  })

  it('inserts before the first item above its comments, and moves an installer without losing any', () => {
    const text =
      'kind: Pod\nspec:\n  initContainers:\n  # of a\n  - name: a\n    image: a\n  containers: [{name: camera}]\n'
    const wired = expectWired(text)
    expect(wired).toMatch(/RuntimeDefault\n {2}# of a\n {2}- name: a\n {4}image: a\n/)
    const [own] = /( {2}- name: shm-liveness\n[\s\S]*?RuntimeDefault\n)/.exec(wired) as unknown as [string]
    const moved = wired.replace(own, '').replace('    image: a\n', `    image: a\n${own}`)
    expect(moved).not.toBe(wired)
    expect(wiredText(moved)).toBe(wired)
  })

  it('leaves other documents alone, whatever is in them', () => {
    const others = [
      'a:   [ 1,2 ]   # odd\n',
      '',
      '? complex\n: key\n',
      '!tagged {a: 1}\n',
      '"just a text"\n',
      'b: &b 1\nc: *b\n',
    ]
    const stream = [...others, texts['a merge key']!, ...others].join('---\n')
    expect(valuesOf(stream)).toHaveLength(13)
    const wired = wiredText(stream)
    const [before, after] = wired.split(wiredText(texts['a merge key']!))
    expect(before).toBe(`${others.join('---\n')}---\n`)
    expect(after).toBe(`---\n${others.join('---\n')}`)
  })
})

describe('a manifest whose text cannot say it', () => {
  it.each([
    [
      'shares what must differ',
      'kind: Pod\nspec:\n  containers:\n  - name: a\n    env: &env\n    - name: A\n  - name: b\n    env: *env\n',
      ['a'],
    ],
    ['has keys with a question mark', 'kind: Pod\nspec:\n  ? containers\n  :\n  - name: a\n  ? volumes\n', undefined],
  ])('%s: is refused, and says what to do', (_what, text, containers) => {
    const refusal = expect.objectContaining({
      exitCode: 3,
      message: expect.stringMatching(/^test:1: .*write these out/),
    })
    expect(() => wiredText(text, { containers })).toThrow(refusal)
  })

  it('is found also behind many that can', () => {
    const good =
      'kind: Pod\nspec:\n  containers:\n  - name: a\n    env:\n    - name: A\n  - name: b\n    env:\n    - name: A\n'
    const bad = good.replace('env:', 'env: &env').replace(/env:\n {4}- name: A\n$/, 'env: *env\n')
    const refusal = expect.objectContaining({ message: expect.stringMatching(/^test:201: /) })
    expect(() => wiredText(`${`${good}---\n`.repeat(20)}${bad}`, { containers: ['a'] })).toThrow(refusal)
  })

  it('is wired, where what it shares changes everywhere', () => {
    expectWired(
      'kind: Pod\nspec:\n  containers:\n  - name: a\n    env: &env\n    - name: A\n  - name: b\n    env: *env\n',
      { containers: 'all' },
    )
  })
})

const comment = fc.stringMatching(/^[ a-z#:{}[\]'"-]{0,12}$/).map((text) => `# ${text}`)
const anyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    tie('list'),
    tie('map'),
  ),
  list: fc.array(tie('value'), { maxLength: 3 }),
  map: fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), tie('value'), { maxKeys: 3 }),
})).value

/** A manifest as some program would write it, with comments between its lines. */
const anyText = fc
  .record({
    image: fc.string(),
    args: fc.array(fc.string(), { maxLength: 3 }),
    extra: anyValue,
    indent: fc.integer({ min: 1, max: 8 }),
    indentSeq: fc.boolean(),
    lineWidth: fc.constantFrom(0, 30),
    flow: fc.constantFrom('any', 'flow', 'block'),
    comments: fc.array(comment, { minLength: 1, maxLength: 5 }),
    lineEnd: fc.constantFrom('\n', '\r\n'),
  })
  .map(({ image, args, extra, comments, lineEnd, flow, ...style }) => {
    const camera = { name: 'camera', image, args, 'x-extra': extra }
    const value = {
      kind: 'Deployment',
      spec: { template: { spec: { 'x-before': extra, containers: [camera], 'x-after': extra } } },
    }
    const text = stringify(value, { version: '1.1', ...style, collectionStyle: flow === 'flow' ? 'flow' : 'any' })
    const isPlain = !/["'|>]/.test(text)
    // Comments only where no text goes over several lines.
    const lines = text.split('\n').flatMap((line, index) => {
      const isMap = /^ *(- )?[a-z-]+: *[a-z0-9]*$/.test(line)
      return isPlain && isMap ? [`${line} ${comments[index % comments.length]}`] : [line]
    })
    return lines.join(lineEnd)
  })

describe('any manifest', () => {
  it('is wired as the library wires its value, keeps its comments, and stays the same the second time', () => {
    const options = fc.constantFrom<WireOptions>(
      {},
      { via: 'httpGet', command: ['camera'] },
      { guard: true, command: ['a b'] },
    )
    fc.assert(
      fc.property(anyText, options, (text, option) => {
        const wired = expectWired(text, option)
        const comments = text.match(/ # .*$/gm) ?? []
        for (const each of comments) expect(wired).toContain(each)
      }),
      { numRuns: 200 },
    )
  })
})

/** How long this takes with 1,000 documents and 10 MB is a part of the benchmark: bench/parts/wire.ts. */
describe('a stream of documents', () => {
  const one = (index: number) => `# Source: ${index}
kind: Deployment
metadata:
  labels: { app: app-${index} }
spec:
  template:
    spec:
      containers:
        - name: app # the worker
          image: registry/app:${index}
`

  it('from one template is wired in each of them', () => {
    const text = Array.from({ length: 20 }, (_, index) => one(index)).join('---\n')
    const wired = expectWired(text)
    expect(wired.match(/livenessProbe:/g)).toHaveLength(20)
    expectLinesKept(text, wired)
  })

  it('is wired behind a document of many lines, which stays byte for byte', () => {
    const data = `kind: ConfigMap\ndata:\n${Array.from({ length: 500 }, (_, index) => `  key-${index}: ${'x'.repeat(1000)}\n`).join('')}`
    const pod = 'kind: Pod\nspec:\n  containers:\n  - name: camera\n'
    expect(wiredText(`${data}---\n${pod}`)).toBe(`${data}---\n${wiredText(pod)}`)
  })
})
