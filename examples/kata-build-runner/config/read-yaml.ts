import { type Document, LineCounter, parseAllDocuments } from 'yaml'
import { invalidFile, type Source } from './validate.js'

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
 * YAML 1.2, its core schema, and nothing that has two readings: no keys twice, no unknown tags, one document.
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
    merge: false,
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
  return { document, value: resolved(document, source), lines }
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
