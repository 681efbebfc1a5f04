/**
 * Changes in a document's value, as changes in its text: what does not change keeps every byte. To write the document
 * anew would cost comments their places, and values their spelling (`0644`, `1e3`).
 */
import { isAlias, isMap, isScalar, isSeq, type Pair, type ParsedNode, type YAMLMap, type YAMLSeq } from 'yaml'
import { type Fields, isFields, isSame } from '../../kubernetes/shape.js'
import type { Edit } from './edit.js'
import { pairedItems } from './paired-items.js'
import { blockText, columnAt, endOf, flowText, type TextStyle, trimmedEnd } from './text-style.js'

export type MapNode = YAMLMap.Parsed
export type SeqNode = YAMLSeq.Parsed

/** The edits that turn a node of one value into one of another, in YAML. */
export class Editor {
  constructor(
    readonly text: string,
    readonly style: TextStyle,
  ) {}

  /** @param before the value of the node */
  edited(node: ParsedNode, before: unknown, after: unknown): Edit[] {
    if (isSame(before, after)) return []
    if (isMap(node) && isFields(before) && isFields(after)) {
      const isKept = Object.keys(before).every((key) => Object.hasOwn(after, key))
      if (isKept) return this.editedMap(node, before, after)
    }
    if (isSeq(node) && Array.isArray(before) && Array.isArray(after) && node.items.length === before.length) {
      const pairs = pairedItems(before, after)
      const isKept = before.length === 0 || pairs.some((index) => index !== undefined)
      if (isKept) return this.editedSeq(node, before, after, pairs)
    }
    return [this.replaced(node, after)]
  }

  editedMap(node: MapNode, before: Fields, after: Fields): Edit[] {
    const edits: Edit[] = []
    const added: Fields = {}
    for (const [key, value] of Object.entries(after)) {
      if (isSame(before[key], value)) continue
      const pair = node.items.find(({ key: name }) => isScalar(name) && String(name.value) === key)
      // Merged from elsewhere (<<), or not there: a field of its own goes before what is merged.
      if (pair === undefined) added[key] = value
      else edits.push(...this.editedPair(pair, before[key], value, node.flow === true))
    }
    if (Object.keys(added).length > 0) edits.push(this.addedFields(node, added))
    return edits
  }

  editedPair(pair: Pair<ParsedNode, ParsedNode | null>, before: unknown, after: unknown, inFlow: boolean): Edit[] {
    const { key, value } = pair
    if (value === null) return [{ start: key.range[1], end: key.range[1], text: `: ${flowText(after)}` }]
    const isInline = isAlias(value) || isScalar(value) || (value.flow === true && isEmpty(before))
    if (isInline && !inFlow && isCollection(after) && !isEmpty(after)) return this.blockBelow(key, value, after)
    return this.edited(value, before, after)
  }

  /** A collection in block style below its key, in place of a scalar, an alias or `[]` beside it. */
  blockBelow(key: ParsedNode, value: ParsedNode, after: unknown): Edit[] {
    const end = trimmedEnd(value, this.text)
    let start = value.range[0]
    // Not before nothing: the blank keeps the colon and a comment apart.
    while (start < end && this.text.charAt(start - 1) === ' ') start--
    const column =
      columnAt(this.text, key.range[0]) + (Array.isArray(after) ? this.style.dashIndent : this.style.indent)
    const below = `${' '.repeat(column)}${blockText(after, column, this.style)}`
    return [{ start, end, text: '' }, this.linesBehind(end, below)]
  }

  replaced(node: ParsedNode, after: unknown): Edit {
    const [start] = node.range
    const isBlock = (isMap(node) || isSeq(node)) && !node.flow
    const text = isBlock ? blockText(after, columnAt(this.text, start), this.style) : flowText(after)
    return { start, end: trimmedEnd(node, this.text), text }
  }

  addedFields(node: MapNode, fields: Fields): Edit {
    const first = node.items[0]
    if (!node.flow && first !== undefined) {
      const column = columnAt(this.text, first.key.range[0])
      const end = this.behindComments(endOf(node), column)
      return this.linesBehind(end, ' '.repeat(column) + blockText(fields, column, this.style))
    }
    const text = flowText(fields).replace(/^\{\s*|\s*\}$/g, '')
    const last = node.items.at(-1)
    if (last === undefined) return { start: node.range[0] + 1, end: node.range[0] + 1, text: ` ${text} ` }
    const end = endOf(last.value ?? last.key)
    return { start: end, end, text: `, ${text}` }
  }

  editedSeq(node: SeqNode, before: unknown[], after: unknown[], pairs: (number | undefined)[]): Edit[] {
    const edits: Edit[] = []
    const inserted = new Map<number, unknown[]>()
    let behind = 0
    for (const [index, item] of after.entries()) {
      const old = pairs[index]
      if (old === undefined) {
        inserted.set(behind, [...(inserted.get(behind) ?? []), item])
      } else {
        edits.push(...this.edited(node.items[old] as ParsedNode, before[old], item))
        behind = old + 1
      }
    }
    for (const [index, items] of inserted) edits.push(this.insertedItems(node, index, items))
    const removed = before.map((_, index) => index).filter((index) => !pairs.includes(index))
    return [...edits, ...removed.map((index) => this.removedItem(node, index))]
  }

  /** Items before the one at `index`, or behind the last. */
  insertedItems(node: SeqNode, index: number, items: unknown[]): Edit {
    const previous = node.items[index - 1]
    if (node.flow) {
      const text = items.map((item) => flowText(item)).join(', ')
      if (previous !== undefined) {
        const end = endOf(previous as ParsedNode)
        return { start: end, end, text: `, ${text}` }
      }
      const start = node.range[0] + 1
      return { start, end: start, text: node.items.length === 0 ? text : `${text}, ` }
    }
    const column = columnAt(this.text, node.range[0])
    const lines = ' '.repeat(column) + blockText(items, column, this.style)
    if (previous !== undefined) {
      return this.linesBehind(this.behindComments(endOf(previous as ParsedNode), column + 1), lines)
    }
    const start = this.aboveComments(node.range[0])
    return { start, end: start, text: lines + this.style.lineEnd }
  }

  removedItem(node: SeqNode, index: number): Edit {
    const item = node.items[index] as ParsedNode
    const end = endOf(item)
    if (!node.flow) {
      const start = this.lineStart(index === 0 ? node.range[0] : item.range[0])
      return { start, end: this.nextLine(end), text: '' }
    }
    const next = node.items[index + 1] as ParsedNode | undefined
    if (next !== undefined) return { start: item.range[0], end: next.range[0], text: '' }
    const previous = node.items[index - 1] as ParsedNode | undefined
    return { start: previous === undefined ? item.range[0] : endOf(previous), end, text: '' }
  }

  /** Lines below the one in which `offset` is. */
  linesBehind(offset: number, lines: string): Edit {
    const start = this.nextLine(offset)
    const isLastLine = this.text.charAt(start - 1) !== '\n'
    return { start, end: start, text: isLastLine ? this.style.lineEnd + lines : lines + this.style.lineEnd }
  }

  lineStart(offset: number): number {
    return this.text.lastIndexOf('\n', offset - 1) + 1
  }

  nextLine(offset: number): number {
    if (this.text.charAt(offset - 1) === '\n') return offset
    const end = this.text.indexOf('\n', offset)
    return end < 0 ? this.text.length : end + 1
  }

  /** Behind the line of `offset`, and the comments right below it that stand at least as deep: they are about it. */
  behindComments(offset: number, leastColumn: number): number {
    let end = this.nextLine(offset)
    while (end < this.text.length) {
      const next = this.nextLine(end + 1)
      const column = /^( *)#/.exec(this.text.slice(end, next))?.[1]?.length ?? -1
      if (column < leastColumn) break
      end = next
    }
    return end
  }

  /** The start of the line of `offset`, or of the comments right above it, which are about what follows. */
  aboveComments(offset: number): number {
    let start = this.lineStart(offset)
    while (start > 0) {
      const previous = this.lineStart(start - 1)
      if (!/^\s*#/.test(this.text.slice(previous, start))) break
      start = previous
    }
    return start
  }
}

function isCollection(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isEmpty(value: unknown): boolean {
  return isCollection(value) && Object.keys(value).length === 0
}
