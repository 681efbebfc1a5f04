import { type Document, isMap, isScalar, isSeq, type ParsedNode, stringify, visit } from 'yaml'
import { isFields } from '../../kubernetes/shape.js'
import { yamlOptions } from './documents.js'

/** How a document is written, so that what is added looks like the rest. */
export interface TextStyle {
  /** Columns by which the fields of a map lie deeper than its key. */
  indent: number
  /** Columns by which the dashes of a list lie deeper than its key. */
  dashIndent: number
  lineEnd: '\n' | '\r\n'
}

export function columnAt(text: string, offset: number): number {
  const column = offset - (text.lastIndexOf('\n', offset - 1) + 1)
  return text.charCodeAt(offset - column) === 0xfeff ? column - 1 : column
}

/** Goes by the first map and the first list that stand below a key of their own. */
export function styleOf(document: Document.Parsed, text: string): TextStyle {
  let indent: number | undefined
  let dashIndent: number | undefined
  visit(document, {
    Pair(_, { key, value }) {
      if (!isScalar(key) || !key.range || !(isMap(value) || isSeq(value)) || value.flow || !value.range) return
      const deeper = columnAt(text, value.range[0]) - columnAt(text, key.range[0])
      if (isMap(value) && deeper > 0) indent ??= deeper
      if (isSeq(value) && deeper >= 0) dashIndent ??= deeper
      if (indent !== undefined && dashIndent !== undefined) return visit.BREAK
    },
  })
  return {
    indent: indent ?? 2,
    dashIndent: dashIndent ?? indent ?? 2,
    lineEnd: text.includes('\r\n') ? '\r\n' : '\n',
  }
}

/** A value in block style, at a column; the first line without it. No line end after the last. */
export function blockText(value: unknown, column: number, { indent, dashIndent, lineEnd }: TextStyle): string {
  const lines = blockLines(value, indent, dashIndent > 0)
  const margin = ' '.repeat(column)
  return lines.map((line, index) => (index === 0 || line === '' ? line : margin + line)).join(lineEnd)
}

/** Fields one by one, since most of what is added to a thousand pods is the same in all of them. */
function blockLines(value: unknown, indent: number, indentSeq: boolean): string[] {
  const parts =
    isFields(value) && Object.keys(value).length > 0
      ? Object.entries(value).map(([key, field]) => ({ [key]: field }))
      : [value]
  return parts.flatMap((part) => {
    const key = JSON.stringify([part, indent, indentSeq])
    const known = writtenLines.get(key)
    if (known !== undefined) return known
    const options = { ...yamlOptions, indent, indentSeq, lineWidth: 0, aliasDuplicateObjects: false }
    const lines = stringify(part, options).replace(/\n$/, '').split('\n')
    if (writtenLines.size < mostWritten) writtenLines.set(key, lines)
    return lines
  })
}

const writtenLines = new Map<string, string[]>()
const mostWritten = 10_000

/** A value on one line, as it may stand inside `[…]` or `{…}`. */
export function flowText(value: unknown): string {
  return stringify(value, {
    ...yamlOptions,
    collectionStyle: 'flow',
    lineWidth: 0,
    blockQuote: false,
    defaultStringType: 'PLAIN',
    aliasDuplicateObjects: false,
  }).replace(/\n$/, '')
}

/** Behind the last character of a node; comments behind it are not counted. */
export function endOf(node: ParsedNode): number {
  if ((isMap(node) || isSeq(node)) && !node.flow) {
    const last = node.items.at(-1)
    const inner = last !== undefined && 'key' in last ? (last.value ?? last.key) : last
    return inner === undefined || inner === null ? node.range[1] : endOf(inner as ParsedNode)
  }
  return node.range[1]
}

/** The same without the line end that a block scalar's range takes in. */
export function trimmedEnd(node: ParsedNode, text: string): number {
  let end = endOf(node)
  while (end > node.range[0] && /\s/.test(text.charAt(end - 1))) end--
  return end
}
