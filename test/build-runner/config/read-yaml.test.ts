import { describe, expect, it } from 'vitest'
import { config, configRefusal } from './samples.js'

/** Each of `levels` lists names the one before it nine times. */
function bomb(levels: number): string {
  const lines = Array.from({ length: levels }, (_, level) => {
    const item = level === 0 ? '"x"' : `*a${level - 1}`
    return `a${level}: &a${level} [${Array(9).fill(item).join(', ')}]`
  })
  return lines.join('\n')
}

describe('YAML', () => {
  it.each([
    ['nothing', '', ':1: it is empty'],
    ['comments alone', '# nothing\n', ':1: it is empty'],
    ['two documents', 'executor: {k8s: {}}\n---\nexecutor: {k8s: {}}\n', ':2: a second document begins'],
    ['a key twice', 'executor:\n  k8s: {}\n  k8s: {}\n', ':3: no valid YAML: Map keys must be unique'],
    ['a key twice, as text and as a number', 'executor:\n  "1": {}\n  1: {}\n', ':3: a key is no text'],
    ['a map as a key', 'executor: {k8s: {}}\n? {a: b}\n: c\n', ':2: a key is no text'],
    ['a key of JavaScript', 'executor:\n  k8s: {}\n  __proto__: {}\n', ':3: a key is "__proto__"'],
    ['a list that does not end', 'executor: [', ':1: no valid YAML: '],
    ['a tag of its own', 'executor: !mine {k8s: {}}', ':1: no valid YAML: Unresolved tag: !mine'],
    ['a known tag', 'executor: {k8s: {weightage: !!int "5"}}', ':1: a value has the tag tag:yaml.org,2002:int'],
    ['an alias of nothing', 'executor: *nothing', ':1: its aliases cannot be resolved: Unresolved alias'],
    ['a merge of what is no map', 'executor: {k8s: {<<: 5}}', 'its aliases cannot be resolved: Merge sources'],
    ['a merged key that is unknown', 'executor: {k8s: {<<: {wieghtage: 5}}}', 'unknown key'],
    [
      'yes, which is text in YAML 1.2',
      'executor: {k8s: {options: {kubernetes: {allowRoot: yes}}}}',
      'must be true or false',
    ],
  ])('is refused with %s', (_, text, message) => {
    expect(configRefusal(text)).toEqual([expect.stringContaining(message)])
  })

  it('may have merge keys: what is written beside them goes first', () => {
    const shared =
      'executor: {k8s: &shared {weightage: 5}, k8s-vm: {<<: *shared, weightage: 7}, k8s-two: {<<: [*shared]}}\n'
    const { executors } = config(shared)
    expect([...executors.values()].map(({ weightage }) => weightage)).toEqual([5, 7, 5])
  })

  it('is refused with every problem of its form', () => {
    expect(configRefusal('a: 1\na: 2\nb: !x 1\n')).toHaveLength(2)
  })

  it('is refused where its aliases stand for more than they may, before it is written out', () => {
    const began = performance.now()
    expect(configRefusal(bomb(9))).toEqual([
      expect.stringContaining('its aliases cannot be resolved: Excessive alias count'),
    ])
    expect(performance.now() - began).toBeLessThan(20_000)
  })

  it('ends where an alias holds itself', () => {
    expect(configRefusal('executor: &a {k8s: *a}').length).toBeGreaterThan(0)
  })

  it('is refused beyond 1 MiB', () => {
    expect(configRefusal(`# ${'x'.repeat(1024 * 1024)}`)).toEqual([expect.stringContaining('more than 1048576')])
  })

  it('may begin with a byte order mark, and end its lines with CR and LF', () => {
    expect(config('\ufeffexecutor:\r\n  k8s: {}\r\n').plugin).toBe('k8s')
  })
})
