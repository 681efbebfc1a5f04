import { Composer, type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Tags } from 'yaml'
import type { Path } from '../../kubernetes/types.js'
import { CommandError, exitCodes } from '../exit-codes.js'
import { hasActions, isTemplate, renderFirst } from './helm.js'
import { tokensOf } from './tokens.js'

/** One document of a file: its nodes with their places in the text, and its value. */
export interface Manifest {
  document: Document.Parsed
  value: unknown
  /** Where the lines of the file begin. */
  lines: LineCounter
}

/** Texts to the API server, which has no such types. */
const unknownToKubernetes = ['timestamp', 'binary', 'set', 'omap', 'pairs'].map((name) => `tag:yaml.org,2002:${name}`)

/**
 * YAML as the Kubernetes tools read it: 1.1, so that `yes` is true, `0644` octal, and `<<` merges; and written so that
 * readers of 1.2 understand the same.
 */
export const yamlOptions = {
  version: '1.1',
  compat: 'core',
  customTags: (tags: Tags): Tags =>
    tags.filter(
      (tag) =>
        typeof tag === 'string' ||
        !(unknownToKubernetes.includes(tag.tag) || ('format' in tag && tag.format === 'TIME')),
    ),
  logLevel: 'silent',
} as const

/**
 * The documents of a file, one after the other: a document's nodes take a hundred times its bytes, and nobody needs
 * those of two.
 *
 * @throws CommandError `unreadable`, with file and line
 */
export function* manifestsOf(name: string, text: string): Generator<Manifest> {
  const lines = new LineCounter()
  for (const document of new Composer(yamlOptions).compose(tokensOf(text, lines.addNewLine))) {
    const [error] = document.errors
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0])
      if (hasActions(text)) throw notRendered(`${name}:${line}`, error)
      throw unreadable(`${name}:${line}:${col}`, error.message.replace(/:$/, ''), error)
    }
    const start = document.range?.[0] ?? 0
    if (isTemplate(document as Document.Parsed, text))
      throw notRendered(`${name}:${lines.linePos(start).line}`, undefined)
    try {
      yield { document: document as Document.Parsed, value: document.toJS() as unknown, lines }
    } catch (cause) {
      throw unreadable(`${name}:${lines.linePos(start).line}`, (cause as Error).message, cause)
    }
  }
}

function notRendered(where: string, cause: unknown): CommandError {
  return new CommandError(exitCodes.unreadable, `${where}: ${renderFirst()}`, { cause })
}

function unreadable(where: string, reason: string, cause: unknown): CommandError {
  return new CommandError(exitCodes.unreadable, `${where}: no valid YAML: ${reason}`, { cause })
}

/** The line, from 1, of the key or item that a path leads to; of the last part of it that is written out. */
export function lineOf({ document, lines }: Manifest, path: Path): number {
  let node: unknown = document.contents
  let offset = document.contents?.range[0] ?? document.range[0]
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = node.items.find(({ key: name }) => isScalar(name) && String(name.value) === String(key))
      if (pair === undefined) break
      offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[key as number]
      offset = (node as { range?: [number, number, number] } | undefined)?.range?.[0] ?? offset
    } else break
  }
  return lines.linePos(offset).line
}
