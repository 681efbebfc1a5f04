/**
 * JSON is YAML to the parser, and not to whoever reads it next: what is added has quotes and no comma too many. What does
 * not change keeps every byte, so that a number beyond 2^53 is the same one afterwards.
 */
import type { ParsedNode } from 'yaml'
import { type Fields, isSame } from '../../kubernetes/shape.js'
import type { Edit } from './edit.js'
import { Editor, type MapNode, type SeqNode } from './editor.js'
import { endOf } from './text-style.js'

/** Whether a text is JSON, and reads as such to the same value. */
export function isJson(text: string, value: unknown): boolean {
  if (!text.startsWith('{')) return false
  try {
    return isSame(JSON.parse(text), value)
  } catch {
    return false
  }
}

/** The edits of {@link Editor}, in JSON. */
export class JsonEditor extends Editor {
  /** Of the outermost object's fields; empty, if it is on one line. */
  readonly #indent: string
  /** Behind colons, and commas on one line. */
  readonly #blank: string

  /** @param json the document's part of the text */
  constructor(text: string, json: string) {
    super(text, { indent: 2, dashIndent: 2, lineEnd: json.includes('\r\n') ? '\r\n' : '\n' })
    this.#indent = /^\{\r?\n([ \t]+)"/.exec(json)?.[1] ?? ''
    this.#blank = /^\{\s*"(?:[^"\\]|\\.)*":\s/.test(json) ? ' ' : ''
  }

  override replaced(node: ParsedNode, after: unknown): Edit {
    const [start, end] = node.range
    const margin = /^[ \t]*/.exec(this.text.slice(this.lineStart(start), start))?.[0]
    return { start, end, text: this.#valueText(after, this.#indent === '' ? undefined : margin) }
  }

  override addedFields(node: MapNode, fields: Fields): Edit {
    const [first, last] = [node.items[0], node.items.at(-1)]
    if (first === undefined || last === undefined) return this.replaced(node, fields)
    const margin = this.#marginOf(first.key)
    const texts = Object.entries(fields).map(
      ([key, value]) => `${JSON.stringify(key)}:${this.#blank}${this.#valueText(value, margin)}`,
    )
    return this.#behind(last.value ?? last.key, texts, margin)
  }

  override insertedItems(node: SeqNode, index: number, items: unknown[]): Edit {
    const [first, previous] = [node.items[0], node.items[index - 1]] as (ParsedNode | undefined)[]
    if (first === undefined) return this.replaced(node, items)
    const margin = this.#marginOf(first)
    const texts = items.map((item) => this.#valueText(item, margin))
    if (previous !== undefined) return this.#behind(previous, texts, margin)
    const [start] = first.range
    return { start, end: start, text: texts.map((text) => text + this.#comma(margin)).join('') }
  }

  #behind(node: ParsedNode, texts: string[], margin: string | undefined): Edit {
    const end = endOf(node)
    return { start: end, end, text: texts.map((text) => this.#comma(margin) + text).join('') }
  }

  /** What stands before a field or item that has a line of its own; undefined, if it has none. */
  #marginOf({ range: [start] }: ParsedNode): string | undefined {
    return /^[ \t]+$/.exec(this.text.slice(this.lineStart(start), start))?.[0]
  }

  #comma(margin: string | undefined): string {
    return margin === undefined ? `,${this.#blank}` : `,${this.style.lineEnd}${margin}`
  }

  /** @param margin of the line that it is put into; undefined: all on one line */
  #valueText(value: unknown, margin: string | undefined): string {
    if (margin !== undefined) {
      const lines = JSON.stringify(value, null, this.#indent || margin).split('\n')
      return lines.join(this.style.lineEnd + margin)
    }
    if (this.#blank === '') return JSON.stringify(value)
    // Line ends are between values only: in a text they are escaped.
    return JSON.stringify(value, null, 1).replace(/(,?)\n */g, (_, comma: string) => (comma === '' ? '' : ', '))
  }
}
