import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** The files of a folder, by their paths below the root, with the files that each imports by a relative path. */
function importsBelow(folder: string): Map<string, string[]> {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))
  return new Map(
    files.map((file) => {
      const text = readFileSync(join(root, file), 'utf8')
      const imports = [...text.matchAll(/^(?:import|export|\}) (?:.* )?from '(\.[^']+)\.js'/gm)]
      return [file, imports.map((match) => `${join(file, '..', match[1] as string)}.ts`)] as const
    }),
  )
}

describe('lib', () => {
  it('imports in one direction only', () => {
    const edges = importsBelow('lib')
    const done = new Set<string>()
    const visit = (file: string, path: string[]): void => {
      expect(path, `a cycle: ${[...path, file].join(' -> ')}`).not.toContain(file)
      if (done.has(file)) return
      for (const next of edges.get(file) ?? []) visit(next, [...path, file])
      done.add(file)
    }
    for (const file of edges.keys()) visit(file, [])
  })
})

/** Each folder, with those in it, may import only from itself and from those that stand after it. */
const examples: Record<string, readonly string[]> = {
  'buildkit-ci': [
    ...['main', 'cli', 'preflight', 'render', 'config', 'agent', 'watch', 'drain', 'progress', 'buildkit-api'],
    ...['registry/clean', 'registry/local', 'registry/api', 'compose', 'model'],
  ],
  'kata-build-runner': [
    ...['main', 'cli', 'follow', 'report', 'watch', 'launch', 'log', 'routing', 'api', 'config', 'metrics', 'model'],
  ],
}

/** Of which examples another one is made. */
const madeOf: Record<string, readonly string[]> = { 'buildkit-ci': ['kata-build-runner'], 'kata-build-runner': [] }

describe.each(Object.entries(examples))('examples/%s', (example, order) => {
  const folder = join('examples', example)
  const edges = importsBelow(folder)
  const within = (file: string) => file.startsWith(`${folder}/`)
  const placeOf = (file: string) => {
    const below = file.slice(folder.length + 1).replace(/\.ts$/, '')
    return order.findIndex((name) => below === name || below.startsWith(`${name}/`))
  }

  it('has no file outside the order', () => {
    expect([...edges.keys()].filter((file) => placeOf(file) < 0)).toEqual([])
  })

  it('imports within itself only from the same folder and from those after it', () => {
    const upward = [...edges].flatMap(([file, imports]) =>
      imports.filter((each) => within(each) && placeOf(each) < placeOf(file)).map((each) => `${file} -> ${each}`),
    )
    expect(upward).toEqual([])
  })

  it('imports of other examples only those that it is made of', () => {
    const allowed = (madeOf[example] ?? []).map((each) => join('examples', each))
    const foreign = [...edges.values()].flat().filter((file) => !within(file))
    expect(foreign.filter((file) => !allowed.some((each) => file.startsWith(`${each}/`)))).toEqual([])
  })
})
