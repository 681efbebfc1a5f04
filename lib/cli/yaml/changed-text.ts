import { isNode } from 'yaml'
import { isSame } from '../../kubernetes/shape.js'
import { CommandError, exitCodes } from '../exit-codes.js'
import { lineOf, type Manifest, manifestsOf } from './documents.js'
import { applied, type Edit, editsOf } from './edit.js'
import { styleOf } from './text-style.js'

/**
 * A file's text with new values for its documents. Documents that do not change keep every byte, in the others all does
 * that did not have to change.
 *
 * @param change gives a document's new value, or its old one
 * @throws CommandError `unreadable`, also if an anchor, say, makes one text of two values
 */
export function changedText(name: string, text: string, change: (manifest: Manifest) => unknown): string {
  const readBack = new Set<string>()
  let result = ''
  let from = 0
  for (const manifest of manifestsOf(name, text)) {
    const wanted = change(manifest)
    const edits = manifestEdits(text, manifest, wanted)
    if (edits.length === 0) continue
    const end = Math.max(manifest.document.range[2], ...edits.map((edit) => edit.end))
    const start = Math.max(from, manifest.document.range[0])
    const changed = applied(text.slice(start, end), edits, start)
    const shape = shapeOf(changed)
    if (!readBack.has(shape)) requireValue(name, changed, manifest, wanted)
    readBack.add(shape)
    result += text.slice(from, start) + changed
    from = end
  }
  return result + text.slice(from)
}

/** Behind a key, a dash, a comma or a bracket; up to the end of the line, a comma, a bracket or a comment. */
const plainValue = /(?<=[:,-] |\[)[A-Za-z0-9](?:[A-Za-z0-9._/:-]*[A-Za-z0-9])?(?=\r?$| ?[,}\]]| #)/gm

/**
 * A document's text without its plain values: texts of one shape are read alike, so of a thousand documents from one
 * template one is read back. All that could be read otherwise (quotes, anchors, tags, block texts …) is in the shape.
 */
function shapeOf(text: string): string {
  return text.replace(plainValue, 'x')
}

function manifestEdits(text: string, { document, value }: Manifest, wanted: unknown): Edit[] {
  const node = document.contents
  if (!isNode(node) || isSame(value, wanted)) return []
  const [start, end] = node.range
  const json = jsonOf(text.slice(start, end), value)
  if (json !== undefined) return [{ start, end, text: JSON.stringify(wanted, null, json.indent) }]
  return editsOf(node, value, wanted, text, styleOf(document, text))
}

/** JSON has no comments, and is written as a whole; undefined if the text is no JSON. */
function jsonOf(text: string, value: unknown): { indent: string } | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    if (!isSame(JSON.parse(text), value)) return undefined
  } catch {
    return undefined
  }
  return { indent: /^\{\r?\n([ \t]+)"/.exec(text)?.[1] ?? '' }
}

/** Text is only ever given out after it, or one of its shape, was read back. */
function requireValue(name: string, changed: string, manifest: Manifest, wanted: unknown): void {
  if (isReadAs(changed, wanted)) return
  throw new CommandError(
    exitCodes.unreadable,
    `${name}:${lineOf(manifest, [])}: this document cannot be changed in place: an anchor (&name) in it stands for parts ` +
      'that must differ now, or it has keys with "?" or tags; write these out, and try again',
  )
}

function isReadAs(text: string, wanted: unknown): boolean {
  try {
    const values = [...manifestsOf('', text)].map(({ value }) => value)
    return values.length === 1 && isSame(values[0], wanted)
  } catch {
    return false
  }
}
