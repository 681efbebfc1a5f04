import { type Document, isScalar, LineCounter, type Node, parseAllDocuments, visit } from 'yaml'
import { invalidFile, type Problem, type Source } from './validate.js'

/** A file's only document, and where its lines are. */
export interface YamlFile {
  document: Document.Parsed
  value: unknown
  lines: LineCounter
}

/** More than any build or config needs; the reader's nodes take a hundred times as much. */
const mostBytes = 1024 * 1024
/** How much text all aliases of a file may stand for, as a multiple: a few shared blocks, but no bomb. */
const mostAliases = 100

/**
 * YAML 1.2, its core schema, with merge keys (`<<`), and nothing that has two readings: no keys twice, no unknown tags,
 * one document.
 *
 * @throws RunnerError of the source's code
 */
export function readYaml(text: string, source: Source): YamlFile {
  const bytes = Buffer.byteLength(text)
  if (bytes > mostBytes) {
    throw invalidFile(source, [
      { line: 1, path: '', problem: `${bytes} bytes, more than ${mostBytes}; is it the right file?` },
    ])
  }
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    version: '1.2',
    schema: 'core',
    merge: true,
    uniqueKeys: true,
    prettyErrors: false,
    logLevel: 'silent',
    lineCounter: lines,
  })
  const [document, second] = Array.isArray(documents) ? documents : []
  const problems = (Array.isArray(documents) ? documents : [])
    .flatMap(({ errors, warnings }) => [...errors, ...warnings])
    .map(({ message, pos }) => ({ line: lines.linePos(pos[0]).line, path: '', problem: `no valid YAML: ${message}` }))
  if (problems.length > 0) throw invalidFile(source, problems)
  if (document === undefined || document.contents === null) {
    throw invalidFile(source, [{ line: 1, path: '', problem: 'it is empty' }])
  }
  if (second !== undefined) {
    const { line } = lines.linePos(second.range[0])
    throw invalidFile(source, [{ line, path: '', problem: 'a second document begins; write one file for each' }])
  }
  const odd = oddParts(document, lines)
  if (odd.length > 0) throw invalidFile(source, odd)
  return { document, value: resolved(document, source), lines }
}

/** What YAML has and neither file: keys that are no text, or no key to JavaScript; values of types of their own. */
function oddParts(document: Document.Parsed, lines: LineCounter): Problem[] {
  const problems: Problem[] = []
  const note = (node: unknown, problem: string): void => {
    const offset = (node as Node | null)?.range?.[0] ?? 0
    problems.push({ line: lines.linePos(offset).line, path: '', problem })
  }
  visit(document, {
    Pair(_, { key }) {
      // Two keys 1 and "1" are one key to JavaScript, and the reader does not see that they are the same.
      const isMerge = isScalar(key) && typeof key.value === 'symbol'
      if (isMerge) return
      if (!isScalar(key) || typeof key.value !== 'string') note(key, 'a key is no text; put it in quotes')
      else if (key.value === '__proto__') note(key, 'a key is "__proto__", which JavaScript takes for something else')
    },
    Node(_, node) {
      if ('tag' in node && node.tag !== undefined) note(node, `a value has the tag ${node.tag}; leave it out`)
    },
  })
  return problems
}

function resolved(document: Document.Parsed, source: Source): unknown {
  try {
    return document.toJS({ maxAliasCount: mostAliases })
  } catch (error) {
    const { message } = error as Error
    throw invalidFile(source, [
      { line: 1, path: '', problem: `its aliases cannot be resolved: ${message}; write them out` },
    ])
  }
}
